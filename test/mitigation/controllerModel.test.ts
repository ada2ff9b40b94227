/*
 * The model test of the mitigation core: random histories of attacks, operators, reloads, crashes and faults, with
 * every safety rule of the contract checked after every step, and at the end whether all came right once nothing
 * failed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RouteFamily } from '../../src/mitigation/route.ts';
import { CALM, HOSTS, MitigationWorld, type Settings, type Step } from './mitigationWorld.ts';

const ALL_FAMILIES: readonly RouteFamily[] = ['ipv4-unicast', 'ipv6-unicast', 'ipv4-flowspec', 'ipv6-flowspec'];
const HISTORIES = Number(process.env.KAPKAN_MODEL_HISTORIES ?? 2000);

const host = fc.nat(HOSTS.length - 1);
const cap = fc.constantFrom(0, 1, 2, 3, Number.POSITIVE_INFINITY);

const settings: fc.Arbitrary<Partial<Settings>> = fc.record(
  {
    dryRun: fc.boolean(),
    whitelistedHost: fc.option(host, { nil: undefined }),
    withIpv6: fc.boolean(),
    maxActiveBans: cap,
    maxBannedFraction: fc.constantFrom(0.125, 0.25, 1),
    maxBansPerWindow: cap,
    groupMaxActiveBans: cap,
    flowspecMaxRules: cap,
    mitigation: fc.constantFrom('blackhole', 'flowspec', 'divert', 'none'),
    fallback: fc.constantFrom('blackhole', 'none'),
    localPref: fc.constantFrom(undefined, 100, 200),
    rungs: fc.constantFrom(0, 2, 4),
    ladderGroup: fc.constantFrom('ladder', 'stairs'),
    onShutdown: fc.constantFrom('keep', 'withdraw'),
  },
  { requiredKeys: [] },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('flood' as const),
      host,
      type: fc.constantFrom('udp_flood', 'syn_flood', 'ntp_amplification', 'mixed'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('stopFlood' as const), host }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('changeVector' as const),
      host,
      type: fc.constantFrom('udp_flood', 'syn_flood', 'ntp_amplification', 'mixed'),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('wait' as const), ticks: fc.integer({ min: 1, max: 30 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('ban' as const),
      host,
      method: fc.constantFrom('blackhole', 'flowspec', 'divert', undefined),
      ttlSeconds: fc.integer({ min: 1, max: 20 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unban' as const), host }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('reload' as const), settings }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('crash' as const),
      strikes: fc.constantFrom('now', 'beforeSave', 'afterSave', 'afterAnnounce'),
      downTicks: fc.nat(40),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), settings, downTicks: fc.nat(40) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('disk' as const), works: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('gobgp' as const), becomes: fc.constantFrom('up', 'down', 'empty') }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('peers' as const), hear: fc.subarray([...ALL_FAMILIES]) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refuseFlowspec' as const), refuse: fc.boolean() }) },
);

test('every safety rule holds after every step of any history', () => {
  fc.assert(
    fc.property(settings, fc.array(step, { maxLength: 40 }), (initial, steps) => {
      const world = new MitigationWorld({ ...CALM, ...initial });
      for (const each of steps) world.take(each);
      world.heal();
      assert.deepEqual(world.ribKeys(), world.wantedKeys(), 'in the end the RIB holds what is wanted and nothing else');
    }),
    { numRuns: HISTORIES },
  );
});

test('whatever happened, once nothing fails and nothing forbids it every attack is answered', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const world = new MitigationWorld();
      for (const each of steps) world.take(each);
      for (let each = 0; each < HOSTS.length; each++) world.take({ do: 'stopFlood', host: each });
      world.take({ do: 'peers', hear: ALL_FAMILIES });
      world.take({ do: 'reload', settings: CALM });
      world.heal();
      assert.deepEqual(world.ribKeys(), [], 'no attack and no ban is left, so no route is');
      for (let each = 0; each < HOSTS.length; each++) world.take({ do: 'flood', host: each, type: 'udp_flood' });
      world.heal();
      const covered = new Set(
        world.controller
          .activeBans()
          .filter(({ routes }) => routes.length > 0)
          .map(({ targetText }) => targetText),
      );
      assert.deepEqual([...covered].sort(), [...HOSTS].sort());
      assert.deepEqual(world.ribKeys(), world.wantedKeys());
    }),
    { numRuns: Math.ceil(HISTORIES / 5) },
  );
});
