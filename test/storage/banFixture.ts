/*
 * Bans for the store's tests: one by hand, and any at all for properties.
 */
import fc from 'fast-check';
import type { Ban } from '../../src/mitigation/ban.ts';
import type { Route } from '../../src/mitigation/route.ts';
import { addressOfWords, formatAddress, parseAddress } from '../../src/net/address.ts';
import { hostPrefix } from '../../src/net/prefix.ts';

/** An active blackhole of 192.0.2.1 where nothing else is said. */
export function banOf(changes: Partial<Ban> = {}): Ban {
  const target = parseAddress(changes.targetText ?? '192.0.2.1');
  if (target === undefined) throw new Error(`no address: ${changes.targetText}`);
  return {
    id: 'ban-1',
    target,
    targetText: formatAddress(target),
    group: 'global',
    state: 'active',
    dryRun: false,
    madeBy: 'attack',
    startedAt: 1_700_000_000_000,
    expiresAt: 1_700_000_060_000,
    lastSeenAt: undefined,
    withdrawnAt: undefined,
    reason: '',
    rejectedBy: undefined,
    endedBy: undefined,
    attackId: 'attack-1',
    metric: 'pps',
    rate: 120_000.25,
    threshold: 50_000,
    method: 'blackhole',
    routes: [
      {
        kind: 'unicast',
        method: 'blackhole',
        prefix: hostPrefix(target),
        nextHop: '192.0.2.254',
        communities: [{ kind: 'standard', value: 0xffff029a, text: 'blackhole' }],
        localPref: undefined,
      },
    ],
    escalationStep: undefined,
    fellBackFrom: undefined,
    fellBackReason: undefined,
    comment: undefined,
    operator: undefined,
    plan: {
      ttlSeconds: 60,
      unbanHysteresisSeconds: 60,
      fallback: 'blackhole',
      ladder: [],
      ladderStartedAt: 1_700_000_000_000,
      routes: { none: [], flowspec: [], divert: [], blackhole: [] },
      collateralShare: undefined,
    },
    ...changes,
  };
}

const word = fc.nat(0xffffffff);
const address = fc.oneof(
  word.map((last) => addressOfWords(0, 0, 0xffff, last)),
  fc.tuple(word, word, word, word).map((words) => addressOfWords(...words)),
);

const flowspecRoute: fc.Arbitrary<Route> = address.map((target) => ({
  kind: 'flowspec',
  match: {
    destination: hostPrefix(target),
    source: undefined,
    protocols: [17],
    sourcePorts: [{ from: 123, to: 123 }],
    destinationPorts: [],
    tcpFlags: undefined,
    fragment: false,
    packetLengths: [],
    icmpTypes: [],
    dscp: [],
  },
  rateBytesPerSecond: 0,
}));

const time = fc.double({ min: 0, max: 4e12, noNaN: true, noDefaultInfinity: true });

/** Bans of every state, with texts of any kind; ids are taken from a few, so that some are the same ban again. */
export const anyBan: fc.Arbitrary<Ban> = fc
  .record({
    id: fc.integer({ min: 0, max: 9 }).map((number) => `ban-${number}`),
    target: address,
    state: fc.constantFrom('active', 'withdrawn', 'rejected'),
    expiresAt: time,
    startedAt: time,
    withdrawnAt: time,
    reason: fc.string({ unit: 'grapheme' }),
    comment: fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined }),
    routes: fc.array(flowspecRoute, { maxLength: 3 }),
  })
  .map(({ target, withdrawnAt, ...rest }) =>
    banOf({
      ...rest,
      target,
      targetText: formatAddress(target),
      withdrawnAt: rest.state === 'withdrawn' ? withdrawnAt : undefined,
    }),
  );
