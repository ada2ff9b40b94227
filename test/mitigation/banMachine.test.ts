import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { Ban } from '../../src/mitigation/ban.ts';
import { admitBan, type BanEvent, type BanRequest, refuseBan, transition } from '../../src/mitigation/banMachine.ts';
import { attackPlan } from '../../src/mitigation/banPlan.ts';
import { matchVictim } from '../../src/mitigation/flowspecRules.ts';
import { address } from '../fixtures/addressFixture.ts';
import { attackFixture } from '../fixtures/attackFixture.ts';
import { groupFixture } from '../fixtures/configFixture.ts';

const README = path.resolve(import.meta.dirname, '../../src/mitigation/README.md');
const START = 1_000_000;

const LADDER = [
  { afterSeconds: 0, action: 'flowspec' as const },
  { afterSeconds: 60, action: 'blackhole' as const },
];

function requestFixture(overrides: Partial<BanRequest> = {}): BanRequest {
  const group = groupFixture({ escalation: LADDER });
  return {
    id: 'ban-1',
    target: address('198.51.100.1'),
    targetText: '198.51.100.1',
    group: 'global',
    dryRun: false,
    madeBy: 'attack',
    startedAt: START,
    attackId: 'attack-1',
    lastSeenAt: START,
    metric: 'pps',
    rate: 5000,
    threshold: 1000,
    method: 'flowspec',
    escalationStep: 0,
    fellBackFrom: undefined,
    fellBackReason: undefined,
    comment: undefined,
    operator: undefined,
    plan: attackPlan(attackFixture('attack-1', '198.51.100.1', START), { group, dryRun: false, whitelist: [] }),
    ...overrides,
  };
}

const active = admitBan(requestFixture()).ban;
const manual = admitBan(requestFixture({ madeBy: 'operator', attackId: undefined, lastSeenAt: undefined })).ban;
const fallen = transition(active, { kind: 'methodLost', at: START, reason: 'no peer' }).ban;

/** One event of each kind that is right to send; the type makes the list complete. */
const EVENTS: { readonly [kind in BanEvent['kind']]: Extract<BanEvent, { kind: kind }> } = {
  attackSeen: { kind: 'attackSeen', at: START + 1000 },
  attackEnded: { kind: 'attackEnded', at: START + 1000 },
  attackRenamed: { kind: 'attackRenamed', at: START + 1000, attackId: 'attack-2' },
  ttlExpired: { kind: 'ttlExpired', at: active.expiresAt },
  unbanned: { kind: 'unbanned', at: START + 1000, operator: 'oper' },
  replaced: { kind: 'replaced', at: START + 1000, by: 'ban-2' },
  whitelisted: { kind: 'whitelisted', at: START + 1000, reason: 'whitelisted' },
  networkRemoved: { kind: 'networkRemoved', at: START + 1000 },
  capLowered: { kind: 'capLowered', at: START + 1000, reason: 'max_active_bans' },
  mitigationOff: { kind: 'mitigationOff', at: START + 1000, reason: 'attacks are not mitigated' },
  replanned: {
    kind: 'replanned',
    at: START + 1000,
    group: 'web',
    plan: { ...active.plan, ttlSeconds: 1 },
    method: active.method,
    fellBackFrom: undefined,
    fellBackReason: undefined,
    escalationStep: undefined,
  },
  rulesChanged: {
    kind: 'rulesChanged',
    at: START + 1000,
    rules: [{ kind: 'flowspec', match: matchVictim(address('198.51.100.1')), rateBytesPerSecond: 0 }],
    collateralShare: 0.5,
  },
  foundHarmful: { kind: 'foundHarmful', at: START + 1000, reason: 'covers a BGP session' },
  dryRunChanged: { kind: 'dryRunChanged', at: START + 1000, dryRun: true },
  rungDue: {
    kind: 'rungDue',
    at: START + 1000,
    step: 1,
    method: 'blackhole',
    fellBackFrom: undefined,
    fellBackReason: undefined,
  },
  methodLost: { kind: 'methodLost', at: START + 1000, reason: 'no peer' },
  methodBack: { kind: 'methodBack', at: START + 1000 },
  adopted: { kind: 'adopted', at: active.expiresAt - 1000 },
  clockStepped: { kind: 'clockStepped', at: START + 1000, deltaMs: 60_000 },
  shutDown: { kind: 'shutDown', at: START + 1000 },
};

test('the diagram in the README is the state machine, arrow by arrow', () => {
  const drawn = [...readFileSync(README, 'utf8').matchAll(/^ {2}(\w+) --> (\w+): (\w+)$/gm)].map(
    ([, from, to, kind]) => `${from} --> ${to}: ${kind}`,
  );
  const withdrawn = transition(active, EVENTS.shutDown).ban;
  const rejected = refuseBan(requestFixture(), 'max_active_bans', 'no room').ban;
  const found: string[] = [];
  for (const before of [active, withdrawn, rejected]) {
    for (const event of Object.values(EVENTS)) {
      const { ban } = transition(event.kind === 'methodBack' && before === active ? fallen : before, event);
      if (ban !== before && ban !== fallen) found.push(`${before.state} --> ${ban.state}: ${event.kind}`);
    }
  }
  assert.deepEqual(found.sort(), drawn.sort());
});

test('what is ignored changes nothing and has no effects', () => {
  const ignored: readonly [Ban, BanEvent][] = [
    [manual, EVENTS.attackSeen],
    [manual, EVENTS.attackEnded],
    [manual, EVENTS.attackRenamed],
    [manual, EVENTS.adopted],
    [active, { ...EVENTS.ttlExpired, at: active.expiresAt - 1 }],
    [active, { ...EVENTS.dryRunChanged, dryRun: false }],
    [active, { ...EVENTS.rungDue, step: 0 }],
    [{ ...active, escalationStep: undefined }, EVENTS.rungDue],
    [active, EVENTS.methodBack],
    [fallen, EVENTS.methodLost],
    [transition(active, EVENTS.rungDue).ban, EVENTS.methodLost],
  ];
  for (const [ban, event] of ignored) {
    const next = transition(ban, event);
    assert.equal(next.ban, ban, event.kind);
    assert.deepEqual(next.effects, [], event.kind);
  }
});

test('every end is saved, withdrawn and told, and says when and why', () => {
  for (const event of Object.values(EVENTS)) {
    const { ban, effects } = transition(active, event);
    if (ban.state !== 'withdrawn') continue;
    assert.deepEqual(effects, ['save', 'announce', 'reportEnd'], event.kind);
    assert.equal(ban.withdrawnAt, event.at);
    assert.notEqual(ban.reason, '');
  }
});

test('an automatic ban outlives the last sight of its attack by the longer of TTL and hysteresis, a manual one its start by its TTL', () => {
  const plan = { ...active.plan, ttlSeconds: 10, unbanHysteresisSeconds: 30 };
  assert.equal(admitBan(requestFixture({ plan })).ban.expiresAt, START + 30_000);
  assert.equal(admitBan(requestFixture({ plan, madeBy: 'operator' })).ban.expiresAt, START + 10_000);
  const seen = transition(admitBan(requestFixture({ plan })).ban, { kind: 'attackSeen', at: START + 5000 }).ban;
  assert.equal(seen.expiresAt, START + 35_000);
  const late = transition(seen, { kind: 'attackSeen', at: START + 1000 }).ban;
  assert.deepEqual(
    [late.expiresAt, late.lastSeenAt],
    [START + 35_000, START + 5000],
    'an old sight takes nothing back',
  );
});

test('a method that comes into force brings the routes of the plan, and a fallback remembers what it stands in for', () => {
  assert.equal(active.routes, active.plan.routes.flowspec);
  assert.equal(fallen.routes, active.plan.routes.blackhole);
  assert.deepEqual([fallen.method, fallen.fellBackFrom, fallen.fellBackReason], ['blackhole', 'flowspec', 'no peer']);
  const back = transition(fallen, EVENTS.methodBack).ban;
  assert.deepEqual([back.method, back.routes, back.fellBackFrom], ['flowspec', active.routes, undefined]);
  const climbed = transition(fallen, EVENTS.rungDue);
  assert.deepEqual(
    [climbed.ban.escalationStep, climbed.ban.method, climbed.ban.fellBackFrom],
    [1, 'blackhole', undefined],
  );
  assert.deepEqual(climbed.effects, ['save', 'announce', 'reportRung']);
});

test('an adopted ban lasts at least until the detector can tell that its attack is over', () => {
  const soonOver = transition(active, { kind: 'adopted', at: active.expiresAt - 1000 }).ban;
  assert.equal(soonOver.expiresAt, active.expiresAt - 1000 + 20_000);
  const fresh = transition(active, { kind: 'adopted', at: START }).ban;
  assert.equal(fresh.expiresAt, active.expiresAt);
});

test('a clock that was set moves every time a ban holds', () => {
  const { ban } = transition(active, EVENTS.clockStepped);
  assert.deepEqual(
    [ban.startedAt, ban.expiresAt, ban.lastSeenAt, ban.plan.ladderStartedAt],
    [START + 60_000, active.expiresAt + 60_000, START + 60_000, START + 60_000],
  );
});
