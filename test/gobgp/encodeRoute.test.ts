import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { announcementPath, encodeRoute, withdrawalPath } from '../../src/gobgp/encodeRoute.ts';
import { type GobgpApi, generationOf } from '../../src/gobgp/generation.ts';
import { GobgpError } from '../../src/gobgp/gobgpError.ts';
import { markCommunity } from '../../src/gobgp/pathAttributes.ts';
import { type RibPath, readRibPath } from '../../src/gobgp/ribSnapshot.ts';
import type { WirePath } from '../../src/gobgp/wirePath.ts';
import { MATCH_ALL as ANY, type FlowspecMatch, type Route, routeFamily, routeKey } from '../../src/mitigation/route.ts';
import { prefix } from '../fixtures/addressFixture.ts';
import { anyRoute, blackhole, flowspec } from '../fixtures/routeFixture.ts';

const mark = markCommunity(65_001, 7);
const apis: GobgpApi[] = ['v3', 'v4'];

/** The path as a daemon of this generation would read it off the wire. */
function overTheWire(path: WirePath, api: GobgpApi): WirePath {
  const generation = generationOf(api);
  const { requestSerialize, requestDeserialize } = generation.method('AddPath');
  const bytes = requestSerialize({ tableType: generation.globalTable, path: generation.packPath(path) });
  return generation.unpackPath((requestDeserialize(bytes) as { path: object }).path);
}

function readBack(route: Route, api: GobgpApi): RibPath | undefined {
  const encoded = encodeRoute(route, mark);
  return readRibPath(overTheWire(announcementPath(encoded, 0), api), encoded.family, [mark]);
}

function refusal(route: Route): string {
  try {
    encodeRoute(route, mark);
  } catch (error) {
    assert.ok(error instanceof GobgpError);
    assert.equal(error.code, 'INVALID_ROUTE');
    assert.equal(error.retryable, false);
    return error.message;
  }
  assert.fail('it was not refused');
}

for (const api of apis) {
  test(`what is encoded for ${api} reads back as the same route, ours, with the attributes wanted`, () => {
    fc.assert(
      fc.property(anyRoute, (route) => {
        const path = readBack(route, api);
        assert.equal(path?.key, routeKey(route));
        assert.equal(path.family, routeFamily(route));
        assert.equal(path.marked, true);
        assert.equal(path.local, true);
        assert.equal(path.attributesText, encodeRoute(route, mark).attributesText);
      }),
    );
  });

  test(`a withdrawal for ${api} always names its route`, () => {
    fc.assert(
      fc.property(anyRoute, (route) => {
        const { family, nlri } = encodeRoute(route, mark);
        const path = overTheWire(withdrawalPath(family, nlri, 0), api);
        assert.equal(path.isWithdraw, true);
        assert.equal(readRibPath(path, family, [mark])?.key, routeKey(route));
      }),
    );
  });
}

test('a withdrawal without a route is refused', () => {
  assert.throws(() => withdrawalPath('ipv4-unicast', {}, 0), GobgpError);
});

test('SYN set and ACK clear is one match for SYN and one negated match for ACK', () => {
  const { nlri } = encodeRoute(flowspec('192.0.2.1/32', { tcpFlags: { set: 0x02, clear: 0x10 } }), mark);
  assert.deepEqual(nlri.flowSpec?.rules.at(-1)?.component, {
    type: 9,
    items: [
      { op: 0x01, value: 0x02 },
      { op: 0x43, value: 0x10 },
    ],
  });
});

test('components stand in the order of their types whatever the family', () => {
  fc.assert(
    fc.property(anyRoute, (route) => {
      const rules = encodeRoute(route, mark).nlri.flowSpec?.rules ?? [];
      const types = rules.map((rule) => rule.ipPrefix?.type ?? rule.component?.type ?? 0);
      assert.deepEqual(
        types,
        [...types].sort((a, b) => a - b),
      );
    }),
  );
});

test('every FlowSpec value out of its range is refused before the wire', () => {
  const wrong: Partial<FlowspecMatch>[] = [
    { protocols: [256] },
    { protocols: [-1] },
    { protocols: [1.5] },
    { sourcePorts: [{ from: 65_536, to: 65_536 }] },
    { destinationPorts: [{ from: 20, to: 10 }] },
    { packetLengths: [{ from: 0, to: 2 ** 33 }] },
    { icmpTypes: [256] },
    { dscp: [64] },
    { tcpFlags: { set: 0, clear: 0 } },
    { tcpFlags: { set: 0x12, clear: 0x10 } },
    { tcpFlags: { set: 256, clear: 0 } },
    { protocols: new Array(116).fill(6) },
    { source: prefix('2001:db8::/32') },
    { destination: { ...prefix('192.0.2.1/32'), length: 33 } },
    { destination: { ...prefix('192.0.2.0/24'), text: '192.0.2.1/24' } },
  ];
  for (const match of wrong) assert.ok(refusal(flowspec('192.0.2.1/32', match)), JSON.stringify(match));
});

test('a rule that names neither destination nor source is refused', () => {
  assert.match(
    refusal({ kind: 'flowspec', match: { ...ANY, protocols: [6] }, rateBytesPerSecond: 0 }),
    /destination or a source/,
  );
});

test('traffic rates that are no finite number from 0 are refused', () => {
  for (const rate of [-1, Number.NaN, Number.POSITIVE_INFINITY, 1e39]) {
    assert.match(refusal(flowspec('192.0.2.1/32', {}, rate)), /traffic rate/);
  }
});

test('the default route, wrong next hops and wrong communities are refused', () => {
  assert.match(refusal(blackhole('192.0.2.1', { prefix: prefix('0.0.0.0/0') })), /prefix length/);
  assert.match(refusal(blackhole('192.0.2.1', { nextHop: '100::1' })), /next hop must be an IPv4/);
  assert.match(refusal(blackhole('2001:db8::1', { nextHop: '' })), /next hop must be an IPv6/);
  assert.match(refusal(blackhole('192.0.2.1', { localPref: 2 ** 32 })), /local_pref/);
  const community = { kind: 'standard', value: 2 ** 32, text: '' } as const;
  assert.match(refusal(blackhole('192.0.2.1', { communities: [community] })), /community/);
  const large = { kind: 'large', value: [1, 2, -3], text: '' } as const;
  assert.match(refusal(blackhole('192.0.2.1', { communities: [large] })), /large community/);
});

test('a listed rule with a component Kapkan does not write is the NLRI of no route of ours, but can be withdrawn', () => {
  const rules = [
    { ipPrefix: { type: 1, prefixLen: 32, prefix: '192.0.2.1', offset: 0 } },
    { component: { type: 4, items: [{ op: 0x81, value: 80 }] } },
  ];
  const path = { nlri: { flowSpec: { rules } }, pattrs: [], family: null, neighborIp: '<nil>' };
  const read = readRibPath(path, 'ipv4-flowspec', [mark]);
  assert.notEqual(read?.key, routeKey(flowspec('192.0.2.1/32', {})));
  assert.deepEqual(read?.nlri, path.nlri);
});

test('a listed rule with a part no definition knows is not withdrawn by half of it', () => {
  const rules = [{ ipPrefix: { type: 1, prefixLen: 32, prefix: '192.0.2.1', offset: 0 } }, {}];
  const read = readRibPath({ nlri: { flowSpec: { rules } }, pattrs: [], family: null }, 'ipv4-flowspec', [mark]);
  assert.equal(read?.nlri, undefined);
});

test('the length and end-of-list bits a daemon adds do not make another route', () => {
  const rules = [
    { ipPrefix: { type: 1, prefixLen: 32, prefix: '192.0.2.1', offset: 0 } },
    {
      component: {
        type: 10,
        items: [
          { op: 0x13, value: 1000 },
          { op: 0xd5, value: 65_535 },
        ],
      },
    },
  ];
  const read = readRibPath({ nlri: { flowSpec: { rules } }, pattrs: [], family: null }, 'ipv4-flowspec', [mark]);
  assert.equal(read?.key, routeKey(flowspec('192.0.2.1/32', { packetLengths: [{ from: 1000, to: 65_535 }] })));
});

test('the mark of another instance or another ASN is not ours', () => {
  const path = announcementPath(encodeRoute(blackhole('192.0.2.1'), mark), 0);
  assert.equal(readRibPath(path, 'ipv4-unicast', [mark])?.marked, true);
  assert.equal(readRibPath(path, 'ipv4-unicast', [markCommunity(65_001, 8)])?.marked, false);
  assert.equal(readRibPath(path, 'ipv4-unicast', [markCommunity(65_002, 7)])?.marked, false);
});

test('a path learned from a peer is not local, whichever way the daemon writes that there is none', () => {
  const path = announcementPath(encodeRoute(blackhole('192.0.2.1'), mark), 0);
  const isLocal = (neighborIp: string): boolean | undefined =>
    readRibPath({ ...path, neighborIp }, 'ipv4-unicast', [mark])?.local;
  assert.equal(isLocal(''), true);
  assert.equal(isLocal('<nil>'), true);
  assert.equal(isLocal('192.0.2.9'), false);
});
