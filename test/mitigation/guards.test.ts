import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GUARDS, type Guard } from '../../src/mitigation/ban.ts';
import { BanCounts, BanStarts } from '../../src/mitigation/banCounts.ts';
import { attackPlan } from '../../src/mitigation/banPlan.ts';
import { type Candidate, type Circumstances, judge } from '../../src/mitigation/guards.ts';
import { bgpSessionProblem, flowspecProblem } from '../../src/mitigation/harmlessFlowspec.ts';
import { parseFlowspecMatch } from '../../src/mitigation/parseFlowspecMatch.ts';
import type { FlowspecMatch, Route, RouteFamily } from '../../src/mitigation/route.ts';
import { Scope } from '../../src/mitigation/scope.ts';
import { address, prefix } from '../fixtures/addressFixture.ts';
import { attackFixture } from '../fixtures/attackFixture.ts';
import { type ConfigOverrides, configFixture, groupFixture, NO_LIMITS } from '../fixtures/configFixture.ts';

const VICTIM = '198.51.100.1';

function candidate(target: string, config = configFixture()): Candidate {
  const group = new Scope(config).groupOf(address(target));
  const plan = attackPlan(attackFixture('a', target, 0), {
    group,
    dryRun: config.dryRun,
    whitelist: config.protectedWhitelist,
  });
  return { target: address(target), targetText: target, dryRun: config.dryRun, attackId: 'a', plan };
}

function circumstances(config = configFixture(), overrides: Partial<Circumstances> = {}): Circumstances {
  return {
    now: 100_000,
    scope: new Scope(config),
    counts: new BanCounts(),
    starts: new BanStarts(),
    bgpEndpoints: () => [],
    audience: () => 'some',
    ...overrides,
  };
}

function refusal(target: string, overrides: ConfigOverrides, more: Partial<Circumstances> = {}): Guard | undefined {
  const config = configFixture(overrides);
  const { mitigation } = new Scope(config).groupOf(address(target));
  return judge(candidate(target, config), mitigation, circumstances(config, more)).refusedBy?.guard;
}

test('every guard gives its verdict and a reason, also where it admits', () => {
  const config = configFixture({ groups: [groupFixture({ mitigation: 'flowspec' })] });
  const { verdicts } = judge(candidate(VICTIM, config), 'flowspec', circumstances(config));
  const asked = verdicts.map(({ guard }) => guard);
  assert.deepEqual(
    asked,
    GUARDS.filter((guard) => guard !== 'next_hop'),
  );
  for (const { ok, reason } of verdicts) assert.ok(ok && reason !== '');
});

test('each guard refuses what it is there for', () => {
  const two = new BanStarts();
  two.load(
    [1, 2].map((i) => ({ key: `ban ${i}`, startedAt: 99_000, group: 'global', dryRun: false })),
    100_000,
  );
  assert.equal(refusal(VICTIM, {}), undefined);
  assert.equal(refusal('192.0.2.1', {}), 'scope');
  assert.equal(refusal(VICTIM, { whitelist: ['198.51.100.0/30'] }), 'whitelist');
  assert.equal(refusal(VICTIM, { ban: { maxActiveBans: 0 } }), 'max_active_bans');
  assert.equal(refusal(VICTIM, { ban: { maxBannedFraction: 1 / 257 } }), 'max_banned_fraction');
  assert.equal(refusal(VICTIM, { ban: { maxBannedFraction: 1 / 256 } }), undefined);
  assert.equal(
    refusal(VICTIM, { ban: { maxBansPerWindow: 2, banWindowSeconds: 10 } }, { starts: two }),
    'max_bans_per_window',
  );
  assert.equal(refusal(VICTIM, { ban: { maxBansPerWindow: 2, banWindowSeconds: 1 } }, { starts: two }), undefined);
  assert.equal(refusal(VICTIM, {}, { bgpEndpoints: () => [address(VICTIM)] }), 'harmless');
  const unset = { ...groupFixture().bgp, nextHop: '' };
  assert.equal(refusal(VICTIM, { groups: [groupFixture({ bgp: unset })] }), 'next_hop');
  assert.equal(refusal('2001:db8:1::1', { groups: [groupFixture({ bgp: unset })] }), undefined);
});

test('in dry-run a next hop that is not set yet is pointed out and does not refuse', () => {
  const config = configFixture({
    dryRun: true,
    groups: [groupFixture({ bgp: { ...groupFixture().bgp, nextHop: '' } })],
  });
  const { refusedBy, verdicts } = judge(candidate(VICTIM, config), 'blackhole', circumstances(config));
  assert.equal(refusedBy, undefined);
  assert.match(verdicts.find(({ guard }) => guard === 'next_hop')?.reason ?? '', /not set, needed once dry_run is off/);
});

test('a group has caps of its own beside the global ones', () => {
  const limits = { ...NO_LIMITS, maxActiveBans: 0 };
  const customer = groupFixture({
    name: 'customer',
    networks: [prefix('198.51.100.0/28')],
    ban: { ...groupFixture().ban, limits },
  });
  assert.equal(refusal(VICTIM, { groups: [groupFixture(), customer] }), 'max_active_bans');
  assert.equal(refusal('198.51.100.200', { groups: [groupFixture(), customer] }), undefined);
});

const flowspec = (fallback: 'blackhole' | 'none'): ConfigOverrides => ({
  groups: [groupFixture({ mitigation: 'flowspec', ban: { ...groupFixture().ban, fallback } })],
});

test('a FlowSpec ban that no peer can hear falls back to a blackhole that one can, or is refused', () => {
  const onlyUnicast = { audience: (family: RouteFamily) => (family.endsWith('unicast') ? 'some' : 'none') } as const;
  const config = configFixture(flowspec('blackhole'));
  const judged = judge(candidate(VICTIM, config), 'flowspec', circumstances(config, onlyUnicast));
  assert.equal(judged.refusedBy, undefined);
  assert.equal(judged.method, 'blackhole');
  assert.equal(judged.fellBackFrom, 'flowspec');
  assert.match(judged.fellBackReason ?? '', /no established peer negotiated ipv4-flowspec/);
  assert.equal(refusal(VICTIM, flowspec('none'), onlyUnicast), 'audience');
});

test('while nobody hears anything, or GoBGP cannot be asked, a ban keeps its method', () => {
  for (const answer of ['none', 'unknown'] as const) {
    const config = configFixture(flowspec('blackhole'));
    const judged = judge(candidate(VICTIM, config), 'flowspec', circumstances(config, { audience: () => answer }));
    assert.deepEqual([judged.refusedBy, judged.method], [undefined, 'flowspec']);
  }
});

test('over the rule budget a ban falls back or is refused with that reason', () => {
  assert.equal(refusal(VICTIM, { ...flowspec('none'), flowspecMaxRules: 0 }), 'flowspec_max_rules');
  const config = configFixture({ ...flowspec('blackhole'), flowspecMaxRules: 0 });
  const judged = judge(candidate(VICTIM, config), 'flowspec', circumstances(config));
  assert.deepEqual([judged.method, judged.fellBackFrom], ['blackhole', 'flowspec']);
  assert.match(judged.fellBackReason ?? '', /1 FlowSpec rules wanted, 0 in use, at most 0 allowed/);
});

test('a rule that is not harmless is refused and never made up for by a blackhole', () => {
  const config = configFixture(flowspec('blackhole'));
  const sound = candidate(VICTIM, config);
  const routes = { ...sound.plan.routes, flowspec: [ruleOf({}, { protocols: [300] })] };
  const judged = judge({ ...sound, plan: { ...sound.plan, routes } }, 'flowspec', circumstances(config));
  assert.equal(judged.refusedBy?.guard, 'harmless');
});

function ruleOf(json: object, overrides: Partial<FlowspecMatch> = {}, target = VICTIM): Route {
  const match = parseFlowspecMatch(json, address(target));
  if (typeof match === 'string') throw new Error(match);
  return { kind: 'flowspec', match: { ...match, ...overrides }, rateBytesPerSecond: 0 };
}

test('a rule must be anchored on a single address of ours', () => {
  const scope = new Scope(configFixture());
  assert.equal(flowspecProblem([ruleOf({ proto: 'udp' })], scope), undefined);
  const anchors = [undefined, prefix('198.51.100.0/24'), prefix('192.0.2.1/32')];
  for (const destination of anchors) {
    assert.match(flowspecProblem([ruleOf({}, { destination })], scope) ?? '', /not anchored/);
  }
  const outgoing = ruleOf({}, { destination: undefined, source: prefix(`${VICTIM}/32`) });
  assert.equal(flowspecProblem([outgoing], scope), undefined);
  assert.match(flowspecProblem([ruleOf({}, { source: prefix('2001:db8::/32') })], scope) ?? '', /mixes IPv4 and IPv6/);
});

test('a rule must hold only values that the wire has room for', () => {
  const scope = new Scope(configFixture());
  const insane: Partial<FlowspecMatch>[] = [
    { protocols: [256] },
    { protocols: [-1] },
    { sourcePorts: [{ from: 0, to: 65536 }] },
    { destinationPorts: [{ from: 20, to: 10 }] },
    { packetLengths: [{ from: 0.5, to: 1 }] },
    { icmpTypes: [256] },
    { dscp: [64] },
    { tcpFlags: { set: 0, clear: 0 } },
    { tcpFlags: { set: 2, clear: 2 } },
    { tcpFlags: { set: 256, clear: 0 } },
  ];
  for (const match of insane)
    assert.notEqual(flowspecProblem([ruleOf({}, match)], scope), undefined, JSON.stringify(match));
  for (const rateBytesPerSecond of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.match(flowspecProblem([{ ...ruleOf({}), rateBytesPerSecond } as Route], scope) ?? '', /rate/);
  }
  assert.match(flowspecProblem(Array(9).fill(ruleOf({})), scope) ?? '', /at most 8/);
});

test('no rule may match BGP of GoBGP or its peers', () => {
  const endpoints = [address(VICTIM)];
  const cuts = (json: object) => bgpSessionProblem([ruleOf(json)], endpoints) !== undefined;
  const cutting = [
    {},
    { proto: 'tcp' },
    { proto: 'tcp', dst_port: 179 },
    { proto: 'tcp', src_port: '100-200' },
    { proto: 'tcp', tcp_flags: 'syn,!ack' },
    { dst_port: '1024-65535' },
    { fragment: true },
    { dscp: 48 },
  ];
  for (const json of cutting) assert.ok(cuts(json), JSON.stringify(json));
  const harmless = [
    { proto: 'udp' },
    { proto: 'icmp', icmp_type: 8 },
    { proto: 'tcp', dst_port: 80 },
    { proto: 'tcp', src_port: 5000, dst_port: 6000 },
  ];
  for (const json of harmless) assert.ok(!cuts(json), JSON.stringify(json));
  assert.ok(
    bgpSessionProblem([ruleOf({}, {}, '198.51.100.9')], endpoints) === undefined,
    'another victim is free of it',
  );
  const fromPeer = ruleOf({ src: VICTIM }, {}, '198.51.100.9');
  assert.ok(bgpSessionProblem([fromPeer], endpoints) !== undefined, 'a rule on what a peer sends is not');
});
