/*
 * Routes for the tests of this room: a few by hand, and generators of everything the encoder must accept.
 */
import fc from 'fast-check';
import type { Announcement } from '../../src/mitigation/announcer.ts';
import type { FlowspecMatch, FlowspecRoute, PortRange, Route, UnicastRoute } from '../../src/mitigation/route.ts';
import { routeKey } from '../../src/mitigation/routeText.ts';
import { addressOfWords } from '../../src/net/address.ts';
import { type Prefix, parsePrefix, prefixOf } from '../../src/net/prefix.ts';

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

export function blackhole(target: string, attributes: Partial<UnicastRoute> = {}): UnicastRoute {
  return {
    kind: 'unicast',
    method: 'blackhole',
    prefix: prefix(target),
    nextHop: target.includes(':') ? '100::1' : '192.0.2.254',
    communities: [{ kind: 'standard', value: 0xffff029a, text: 'blackhole' }],
    localPref: undefined,
    ...attributes,
  };
}

export const ANY: FlowspecMatch = {
  destination: undefined,
  source: undefined,
  protocols: [],
  sourcePorts: [],
  destinationPorts: [],
  tcpFlags: undefined,
  fragment: false,
  packetLengths: [],
  icmpTypes: [],
  dscp: [],
};

export function flowspec(target: string, match: Partial<FlowspecMatch>, rateBytesPerSecond = 0): FlowspecRoute {
  return { kind: 'flowspec', match: { ...ANY, destination: prefix(target), ...match }, rateBytesPerSecond };
}

/** What the core would hand to an announcer; the victim is the target. */
export function wanted(...routes: readonly Route[]): Map<string, Announcement> {
  return new Map(
    routes.map((route) => {
      const target = route.kind === 'unicast' ? route.prefix : (route.match.destination ?? route.match.source);
      const key = routeKey(route);
      return [key, { key, route, victim: target?.text.split('/')[0] ?? '' }];
    }),
  );
}

const uint32 = fc.integer({ min: 0, max: 0xffffffff });

function prefixOfVersion(version: 4 | 6): fc.Arbitrary<Prefix> {
  if (version === 4) {
    return fc
      .tuple(uint32, fc.integer({ min: 1, max: 32 }))
      .map(([word, length]) => prefixOf(addressOfWords(0, 0, 0xffff, word), length));
  }
  return fc
    .tuple(fc.integer({ min: 0x20000000, max: 0x3fffffff }), uint32, uint32, uint32, fc.integer({ min: 1, max: 128 }))
    .map(([a, b, c, d, length]) => prefixOf(addressOfWords(a, b, c, d), length));
}

const ranges: fc.Arbitrary<PortRange[]> = fc.array(
  fc
    .tuple(fc.integer({ min: 0, max: 65_535 }), fc.integer({ min: 0, max: 65_535 }))
    .map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) })),
  { maxLength: 5 },
);

const tcpFlags = fc
  .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 }))
  .map(([set, clear]) => ({ set, clear: clear & ~set }))
  .filter(({ set, clear }) => (set | clear) !== 0);

function octets(max: number): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min: 0, max }), { maxLength: 5 });
}

export const anyFlowspecRoute: fc.Arbitrary<FlowspecRoute> = fc
  .constantFrom<4 | 6>(4, 6)
  .chain((version) =>
    fc.record({
      destination: prefixOfVersion(version),
      source: fc.option(prefixOfVersion(version), { nil: undefined }),
      protocols: octets(255),
      sourcePorts: ranges,
      destinationPorts: ranges,
      tcpFlags: fc.option(tcpFlags, { nil: undefined }),
      fragment: fc.boolean(),
      packetLengths: ranges,
      icmpTypes: octets(255),
      dscp: octets(63),
    }),
  )
  .chain((match) =>
    fc
      .double({ min: 0, max: 1e12, noNaN: true })
      .map((rate): FlowspecRoute => ({ kind: 'flowspec', match, rateBytesPerSecond: rate })),
  );

export const anyUnicastRoute: fc.Arbitrary<UnicastRoute> = fc
  .constantFrom<4 | 6>(4, 6)
  .chain((version) =>
    fc.tuple(prefixOfVersion(version), fc.option(uint32, { nil: undefined }), fc.array(uint32, { maxLength: 4 })),
  )
  .map(([target, localPref, values]) =>
    blackhole(target.text, {
      localPref,
      communities: values.map((value) => ({ kind: 'standard', value, text: String(value) })),
    }),
  );

export const anyRoute: fc.Arbitrary<Route> = fc.oneof(anyUnicastRoute, anyFlowspecRoute);
