import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { MitigationController } from '../../src/mitigation/controller.ts';
import { DryRunAnnouncer } from '../../src/mitigation/dryRunAnnouncer.ts';
import { matchVictim } from '../../src/mitigation/flowspecRules.ts';
import type { MitigationEvent } from '../../src/mitigation/mitigationEvent.ts';
import type { Address } from '../../src/net/address.ts';
import { address, attackFixture, flowFixture, sampleOf } from './attackFixture.ts';
import { configFixture, groupFixture, prefix } from './configFixture.ts';
import { FakeAnnouncer, FakeGobgp } from './fakeGobgp.ts';
import { MemoryStore } from './memoryStore.ts';

const START = 1_000_000;
const VICTIM = '198.51.100.1';

function setUp(config: Config = configFixture(), store = new MemoryStore()) {
  const bgpEndpoints: Address[] = [];
  const gobgp = new FakeGobgp();
  const announcer = new FakeAnnouncer(gobgp);
  const dryRunAnnouncer = new DryRunAnnouncer();
  const events: MitigationEvent[] = [];
  let ids = 0;
  const controller = new MitigationController({
    config,
    store,
    announcer,
    dryRunAnnouncer,
    newId: () => `ban-${START}-${++ids}-${store.saves}`,
    onEvent: (event) => events.push(event),
    onFailure: (error) => {
      throw error;
    },
    bgpEndpoints: () => [...bgpEndpoints],
  });
  const keys = () => [...(announcer.wanted?.keys() ?? [])];
  /** What was decided, and what failed. Where routes are at each moment, placementWatch.test.ts looks at. */
  const told = () =>
    events
      .splice(0)
      .filter(({ kind }) => !ON_THE_WAY.includes(kind))
      .map((event) => (event.kind === 'ban_changed' ? event.change : event.kind));
  /** Ticks each half second, with the attacks seen each time. */
  const run = (from: number, seconds: number, ...seen: string[]): number => {
    for (let now = from + 500; now <= from + seconds * 1000; now += 500) {
      for (const attackId of seen) controller.attackSeen(attackId, now);
      controller.tick(now);
      announcer.reconcile();
    }
    return from + seconds * 1000;
  };
  return { controller, store, gobgp, announcer, dryRunAnnouncer, bgpEndpoints, events, keys, told, run };
}

const ON_THE_WAY = ['ban_unconfirmed', 'ban_confirmed', 'ban_advertised', 'ban_recovered'];

function started(config?: Config, store?: MemoryStore) {
  const world = setUp(config, store);
  world.controller.restore(START);
  return world;
}

test('an attack is banned, its ban is in the store and then wanted, and ends with it', () => {
  const { controller, store, keys, told } = started();
  const ban = controller.attackOpened(attackFixture('a', VICTIM, START), START);
  assert.equal(ban?.state, 'active');
  assert.deepEqual(
    store.loadActive().map(({ id }) => id),
    [ban?.id],
  );
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
  controller.attackEnded('a', START + 30_000);
  assert.deepEqual(keys(), []);
  assert.deepEqual(store.loadActive(), []);
  assert.deepEqual(told(), ['ban_started', 'ban_ended']);
});

test('a thousand attacks in one tick are one transaction and one set of routes', () => {
  const networks = ['198.51.0.0/16'];
  const { controller, store, announcer } = started(configFixture({ networks, ban: { maxActiveBans: 1000 } }));
  const { saves } = store;
  const { setWantedCalls } = announcer;
  controller.batch(START, () => {
    for (let n = 0; n < 1000; n++) {
      controller.attackOpened(attackFixture(`a${n}`, `198.51.${n >> 8}.${n & 255}`, START), START);
    }
  });
  assert.equal(announcer.wanted?.size, 1000);
  assert.equal(store.saves - saves, 1);
  assert.equal(announcer.setWantedCalls - setWantedCalls, 1);
  controller.tick(START + 500);
  assert.equal(announcer.setWantedCalls - setWantedCalls, 1, 'a tick that changes nothing tells nothing');
});

test('nothing is decided before the store was read, and a store that cannot be read announces nothing', () => {
  const world = setUp();
  assert.throws(() => world.controller.tick(START), /restore/);
  const broken = new MemoryStore();
  broken.loadActive = () => {
    throw new Error('state file is corrupt');
  };
  const { controller, announcer } = setUp(configFixture(), broken);
  assert.throws(() => controller.restore(START), /corrupt/);
  assert.equal(announcer.wanted, undefined, 'so no route counts as an orphan');
});

test('a store that fails keeps a new ban active and unannounced, until it works again', () => {
  const { controller, store, keys, told, run } = started();
  store.failure = 'disk full';
  assert.equal(controller.attackOpened(attackFixture('a', VICTIM, START), START)?.state, 'active');
  assert.deepEqual(keys(), []);
  let now = run(START, 12, 'a');
  assert.deepEqual(keys(), []);
  assert.deepEqual(told(), ['ban_started', 'store_failed', 'ban_failed']);
  store.failure = undefined;
  now = run(now, 2, 'a');
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
  assert.deepEqual(told(), ['store_recovered']);
});

test('a ban that ended while the store failed does not come back with a restart', () => {
  const store = new MemoryStore();
  const { controller, run } = started(configFixture(), store);
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  store.failure = 'disk full';
  controller.attackEnded('a', START + 1000);
  const now = run(START + 1000, 3);
  store.failure = undefined;
  run(now, 2);
  assert.deepEqual(started(configFixture(), store).controller.activeBans(), []);
});

test('a refused attack is told once, tried again, and banned when there is room', () => {
  const { controller, keys, told, run } = started(configFixture({ ban: { maxActiveBans: 1 } }));
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  const refused = controller.attackOpened(attackFixture('b', '198.51.100.2', START), START);
  assert.equal(refused?.state, 'rejected');
  assert.match(refused?.reason ?? '', /^max_active_bans: 1 bans active, at most 1 allowed/);
  const now = run(START, 30, 'a', 'b');
  assert.deepEqual(told(), ['ban_started', 'ban_rejected']);
  assert.equal(controller.counters().rejectedBy.max_active_bans, 1);
  controller.attackEnded('a', now);
  run(now, 6, 'b');
  assert.deepEqual(keys(), ['ipv4-unicast 198.51.100.2/32']);
  assert.deepEqual(told(), ['ban_ended', 'ban_started']);
});

test('a manual ban takes the place of an automatic one, and hands over when it runs out while the attack is seen', () => {
  const { controller, keys, told, run } = started();
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  const request = { target: address(VICTIM), method: 'flowspec', ttlSeconds: 10, operator: 'oper' } as const;
  const { ok, ban } = controller.ban(request, START + 1000);
  assert.ok(ok && ban.madeBy === 'operator');
  assert.deepEqual(
    keys(),
    [`ipv4-flowspec dst ${VICTIM}/32 proto udp`],
    'without a match, by the vector of the attack',
  );
  assert.deepEqual(told(), ['ban_started', 'ban_ended', 'ban_started']);
  const now = run(START + 1000, 10, 'a');
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
  assert.deepEqual(told(), ['ban_ended', 'ban_started']);
  controller.attackEnded('a', now);
  assert.deepEqual(keys(), []);
});

test('a manual ban goes on when the attack ends, and a refused one leaves what is there', () => {
  const { controller, keys, run } = started();
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  controller.ban({ target: address(VICTIM), ttlSeconds: 30, operator: 'oper', comment: 'by phone' }, START);
  controller.attackEnded('a', START + 1000);
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
  const refused = controller.ban({ target: address('192.0.2.1'), operator: 'oper' }, START + 2000);
  assert.deepEqual([refused.ok, refused.ban.state], [false, 'rejected']);
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
  run(START + 2000, 29);
  assert.deepEqual(keys(), []);
  assert.equal(controller.unban(address(VICTIM), START + 40_000, 'oper'), undefined);
});

test('an attack whose ban was lifted is left alone until it ended', () => {
  const { controller, keys, run } = started();
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  assert.equal(controller.unban(address(VICTIM), START + 1000, 'oper')?.reason, 'unbanned by oper');
  const now = run(START + 1000, 20, 'a');
  controller.reconfigure(configFixture(), [], now);
  assert.deepEqual(keys(), []);
  assert.ok(controller.explain(address(VICTIM), now).leftAlone);
  controller.attackEnded('a', now);
  controller.attackOpened(attackFixture('b', VICTIM, now + 1000), now + 1000);
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
});

const LADDER = groupFixture({
  escalation: [
    { afterSeconds: 0, action: 'none' },
    { afterSeconds: 5, action: 'flowspec' },
    { afterSeconds: 10, action: 'divert' },
    { afterSeconds: 20, action: 'blackhole' },
  ],
});

test('a ban climbs its ladder while its attack is seen, by routes frozen when it began', () => {
  const { controller, keys, told, run, announcer } = started(configFixture({ groups: [LADDER] }));
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  assert.deepEqual(keys(), []);
  let now = run(START, 5, 'a');
  assert.deepEqual(keys(), [`ipv4-flowspec dst ${VICTIM}/32 proto udp`]);
  const changed = { ...LADDER, scrubbing: { ...LADDER.scrubbing, nextHop: '203.0.113.77' } } as typeof LADDER;
  controller.reconfigure(configFixture({ groups: [changed] }), [], now);
  now = run(now, 5, 'a');
  const [divert] = announcer.wanted?.values() ?? [];
  assert.ok(divert.route.kind === 'unicast' && divert.route.nextHop === '203.0.113.9');
  run(now, 12);
  assert.equal(controller.activeBanOf(VICTIM)?.method, 'divert', 'a quiet attack does not climb');
  assert.deepEqual(told(), ['ban_started', 'rung', 'rung']);
});

test('after a pause the highest rung due comes at once', () => {
  const { controller, run } = started(configFixture({ groups: [LADDER] }));
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  run(START + 25_000, 0.5, 'a');
  assert.deepEqual(
    [controller.activeBanOf(VICTIM)?.method, controller.activeBanOf(VICTIM)?.escalationStep],
    ['blackhole', 3],
  );
});

const FLOWSPEC = configFixture({ groups: [groupFixture({ mitigation: 'flowspec' })] });

test('a ban whose method is no longer heard falls back, and returns when it is heard again, damped both ways', () => {
  const { controller, gobgp, keys, told, run } = started(FLOWSPEC);
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  let now = run(START, 1, 'a');
  gobgp.hears.delete('ipv4-flowspec');
  now = run(now, 2, 'a');
  gobgp.hears.add('ipv4-flowspec');
  now = run(now, 2, 'a');
  gobgp.hears.delete('ipv4-flowspec');
  now = run(now, 2, 'a');
  assert.deepEqual(keys(), [`ipv4-flowspec dst ${VICTIM}/32 proto udp`], 'a session that bounces moves nothing');
  now = run(now, 2, 'a');
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
  const fallen = controller.activeBanOf(VICTIM);
  assert.deepEqual(
    [fallen?.fellBackFrom, fallen?.fellBackReason],
    ['flowspec', 'no established peer negotiated ipv4-flowspec'],
  );
  gobgp.hears.add('ipv4-flowspec');
  now = run(now, 9, 'a');
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
  run(now, 3, 'a');
  assert.deepEqual(keys(), [`ipv4-flowspec dst ${VICTIM}/32 proto udp`]);
  assert.deepEqual(told(), ['ban_started', 'fallback', 'return']);
});

test('a rule that GoBGP refuses gives way to a blackhole and is not tried again', () => {
  const { controller, gobgp, keys, told, run } = started(FLOWSPEC);
  gobgp.refuses = (route) => route.kind === 'flowspec';
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  const now = run(START, 5, 'a');
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
  assert.match(controller.activeBanOf(VICTIM)?.fellBackReason ?? '', /GoBGP refused: invalid argument/);
  run(now, 30, 'a');
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
  assert.deepEqual(told(), ['ban_started', 'fallback']);
});

test('while GoBGP is away a ban keeps its method, and is told as failed once', () => {
  const { controller, gobgp, keys, told, run } = started(FLOWSPEC);
  gobgp.up = false;
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  const now = run(START, 30, 'a');
  assert.deepEqual(keys(), [`ipv4-flowspec dst ${VICTIM}/32 proto udp`]);
  assert.deepEqual(told(), ['ban_started', 'ban_failed']);
  gobgp.up = true;
  const later = run(now, 5, 'a');
  assert.equal(gobgp.rib.size, 1);
  gobgp.up = false;
  run(later, 30, 'a');
  assert.deepEqual(told(), ['ban_failed'], 'another absence is another failure');
});

test('dry-run is recorded and never announced', () => {
  const { controller, announcer, dryRunAnnouncer } = started(configFixture({ dryRun: true }));
  assert.equal(controller.attackOpened(attackFixture('a', VICTIM, START), START)?.dryRun, true);
  assert.ok(controller.ban({ target: address('198.51.100.2'), method: 'flowspec', operator: 'oper' }, START).ok);
  assert.equal(announcer.wanted?.size, 0);
  assert.deepEqual(dryRunAnnouncer.counts(), { unicast: 1, flowspec: 1 });
});

test('turning dry_run on withdraws all at once, turning it off announces the attacks that go on', () => {
  const { controller, keys, dryRunAnnouncer } = started();
  const attack = attackFixture('a', VICTIM, START);
  controller.attackOpened(attack, START);
  controller.ban({ target: address('198.51.100.2'), operator: 'oper' }, START);
  controller.reconfigure(configFixture({ dryRun: true }), [attack], START + 1000);
  assert.deepEqual(keys(), []);
  assert.deepEqual(
    [...dryRunAnnouncer.wanted().keys()],
    [`ipv4-unicast ${VICTIM}/32`],
    'the manual ban does not follow',
  );
  controller.reconfigure(configFixture({ dryRun: false }), [attack], START + 2000);
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
  assert.equal(dryRunAnnouncer.wanted().size, 0);
});

test('a restart in dry-run ends the real bans and knows their routes as its own', () => {
  const store = new MemoryStore();
  started(FLOWSPEC, store).controller.attackOpened(attackFixture('a', VICTIM, START), START);
  const { controller, keys } = setUp(configFixture({ dryRun: true }), store);
  assert.deepEqual(controller.restore(START + 1000), []);
  assert.deepEqual(keys(), []);
  assert.deepEqual([...controller.ownedKeys()].sort(), [
    `ipv4-flowspec dst ${VICTIM}/32 proto udp`,
    `ipv4-unicast ${VICTIM}/32`,
  ]);
  assert.match(controller.bans()[0].reason, /dry_run was turned on/);
});

test('a restarted Kapkan adopts what has not run out, and goes on with the same attack', () => {
  const store = new MemoryStore();
  const before = started(configFixture(), store);
  before.controller.attackOpened(attackFixture('a', VICTIM, START), START);
  before.controller.ban({ target: address('198.51.100.2'), ttlSeconds: 5, operator: 'oper' }, START);
  const { controller, keys } = setUp(configFixture(), store);
  const adopted = controller.restore(START + 10_000);
  assert.deepEqual(
    adopted.map(({ attackId }) => attackId),
    ['a'],
  );
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
  assert.equal(controller.attackOpened(attackFixture('b', VICTIM, START + 11_000), START + 11_000)?.attackId, 'b');
  controller.attackEnded('a', START + 12_000);
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`], 'the attack goes on under its new id');
  controller.attackEnded('b', START + 13_000);
  assert.deepEqual(keys(), []);
});

test('a reload that whitelists a pinned attacker withdraws the rule and answers the attack without it', () => {
  const anchored = {
    action: 'discard',
    rateMbps: undefined,
    sourceAnchored: true,
    minSourceConcentration: 0.5,
  } as const;
  const groups = [groupFixture({ mitigation: 'flowspec', flowspec: anchored })];
  const { controller, keys, run } = started(configFixture({ groups }));
  const sample = sampleOf([flowFixture({ src: '203.0.113.1' })]);
  const attack = attackFixture('a', VICTIM, START, { sample });
  controller.attackOpened(attack, START);
  assert.deepEqual(keys(), [`ipv4-flowspec dst ${VICTIM}/32 src 203.0.113.1/32 proto udp`]);
  controller.reconfigure(configFixture({ groups, whitelist: ['203.0.113.0/24'] }), [attack], START + 1000);
  run(START + 1000, 1, 'a');
  assert.deepEqual(keys(), [`ipv4-flowspec dst ${VICTIM}/32 proto udp`]);
});

test('while a ban that replaced another cannot be saved, a reload still keeps the old routes off the whitelist', () => {
  const { controller, store, keys } = started();
  const request = { target: address(VICTIM), operator: 'oper', ttlSeconds: 60 };
  const match = { ...matchVictim(request.target), source: prefix('203.0.113.1/32') };
  controller.ban({ ...request, match }, START);
  store.failure = 'disk full';
  controller.ban({ ...request, method: 'blackhole' }, START + 1000);
  assert.deepEqual(keys(), [`ipv4-flowspec dst ${VICTIM}/32 src 203.0.113.1/32`], 'the old rule covers until then');
  controller.reconfigure(configFixture({ whitelist: ['203.0.113.1/32'] }), [], START + 2000);
  assert.deepEqual(keys(), []);
  store.failure = undefined;
  controller.tick(START + 4000);
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
});

test('while bans that replace each other cannot be saved, the last saved one covers and its rules count', () => {
  const { controller, store, keys, run } = started(configFixture({ flowspecMaxRules: 1 }));
  const request = { target: address(VICTIM), operator: 'oper', ttlSeconds: 20 };
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  controller.ban({ ...request, method: 'flowspec' }, START);
  store.failure = 'disk full';
  controller.ban({ ...request, method: 'blackhole' }, START + 1000);
  controller.ban({ ...request, method: 'divert' }, START + 2000);
  const covering = [`ipv4-flowspec dst ${VICTIM}/32 proto udp`];
  assert.deepEqual(keys(), covering);
  const wish = { ...request, target: address('198.51.100.2'), method: 'flowspec', allowFallback: true } as const;
  const other = controller.ban(wish, START + 2000).ban;
  assert.deepEqual([other.method, other.fellBackFrom], ['blackhole', 'flowspec'], 'the rule in use leaves no room');
  const now = run(START + 2000, 25, 'a');
  assert.equal(controller.activeBanOf(VICTIM)?.madeBy, 'attack', 'the manual ban ran out and handed over');
  assert.deepEqual(keys(), covering);
  store.failure = undefined;
  run(now, 2, 'a');
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
});

test('a store that fails is asked again once a second, not at every decision', () => {
  const { controller, store, run } = started();
  store.failure = 'disk full';
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  const { attempts } = store;
  run(START, 10, 'a');
  assert.equal(store.attempts - attempts, 10);
});

test('a reload that removes a network withdraws its bans, manual ones too', () => {
  const { controller, keys } = started();
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  const { ban } = controller.ban({ target: address('198.51.100.200'), operator: 'oper' }, START);
  controller.reconfigure(configFixture({ networks: ['198.51.100.0/25'] }), [], START + 1000);
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
  const ended = controller.bans().find(({ id }) => id === ban.id);
  assert.equal(ended?.reason, '198.51.100.200 is outside the protected networks now');
});

test('lowering a cap ends the newest automatic bans first and keeps what an operator wanted', () => {
  const { controller } = started();
  controller.attackOpened(attackFixture('a', '198.51.100.1', START), START);
  controller.attackOpened(attackFixture('b', '198.51.100.2', START + 1000), START + 1000);
  controller.ban({ target: address('198.51.100.3'), operator: 'oper' }, START + 2000);
  controller.reconfigure(configFixture({ ban: { maxActiveBans: 2 } }), [], START + 3000);
  assert.deepEqual(
    controller
      .activeBans()
      .map(({ targetText }) => targetText)
      .sort(),
    ['198.51.100.1', '198.51.100.3'],
  );
});

test('a clock that was set makes no ban shorter or longer', () => {
  const { controller, keys, run } = started();
  controller.ban({ target: address(VICTIM), ttlSeconds: 30, operator: 'oper' }, START);
  const later = START + 3_600_000;
  controller.clockStepped(3_600_000, later);
  const now = run(later, 29);
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
  run(now, 1);
  assert.deepEqual(keys(), []);
});

test('on shutdown routes are kept for the next start, or withdrawn', () => {
  const kept = started();
  kept.controller.attackOpened(attackFixture('a', VICTIM, START), START);
  kept.controller.shutdown(START + 1000);
  assert.equal(kept.announcer.wanted?.size, 1);
  assert.equal(kept.store.loadActive().length, 1);
  const withdrawn = started(configFixture({ ban: { onShutdown: 'withdraw' } }));
  withdrawn.controller.attackOpened(attackFixture('a', VICTIM, START), START);
  withdrawn.controller.shutdown(START + 1000);
  assert.equal(withdrawn.announcer.wanted?.size, 0);
  assert.equal(withdrawn.store.loadActive().length, 0);
});

test('explain asks every guard and acts on nothing', () => {
  const { controller, keys, events } = started(configFixture({ whitelist: [`${VICTIM}/32`] }));
  const { group, judgement, ban } = controller.explain(address(VICTIM), START);
  assert.deepEqual([group, judgement.refusedBy?.guard, ban], ['global', 'whitelist', undefined]);
  assert.equal(controller.explain(address('198.51.100.2'), START).judgement.refusedBy, undefined);
  assert.deepEqual([keys(), events, controller.bans()], [[], [], []]);
});

test('a group that mitigates by nothing makes no ban', () => {
  const { controller, run } = started(configFixture({ groups: [groupFixture({ mitigation: 'none' })] }));
  assert.equal(controller.attackOpened(attackFixture('a', VICTIM, START), START), undefined);
  run(START, 20, 'a');
  assert.deepEqual(controller.bans(), []);
});

test('past bans are kept newest first and bounded', () => {
  const { controller } = started();
  for (let n = 0; n < 2500; n++) controller.ban({ target: address('192.0.2.1'), operator: 'oper' }, START + n);
  const bans = controller.bans();
  assert.ok(bans.length >= 1000 && bans.length <= 2000);
  assert.equal(bans[0].startedAt, START + 2499);
  assert.equal(controller.counters().rejectedBy.scope, 2500);
});

test('a ban made before GoBGP told its peers ends as soon as it turns out to cover one', () => {
  const { controller, bgpEndpoints, keys, told, run } = started();
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  controller.attackOpened(attackFixture('b', '198.51.100.2', START), START);
  told();
  bgpEndpoints.push(address(VICTIM));
  run(START, 20, 'a', 'b');
  assert.deepEqual(keys(), ['ipv4-unicast 198.51.100.2/32']);
  assert.deepEqual(told(), ['ban_ended']);
});

test('a clock set back holds up neither a fallback nor a store to be asked again', () => {
  const groups = [groupFixture({ mitigation: 'flowspec' })];
  const { controller, store, gobgp, keys, run } = started(configFixture({ groups }));
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  gobgp.hears = new Set(['ipv4-unicast']);
  run(START, 1, 'a');
  store.failure = 'disk full';
  controller.ban({ target: address('198.51.100.2'), method: 'blackhole', operator: 'op' }, START + 1000);
  store.failure = undefined;
  const back = -3_600_000;
  controller.clockStepped(back, START + 1000 + back);
  run(START + 1000 + back, 5, 'a');
  assert.deepEqual(keys().sort(), [`ipv4-unicast ${VICTIM}/32`, 'ipv4-unicast 198.51.100.2/32']);
});

test('a machine that booted with its clock far behind ends its bans in time and admits new ones', () => {
  const store = new MemoryStore();
  const config = configFixture({ ban: { maxBansPerWindow: 1, banWindowSeconds: 60 } });
  const before = started(config, store);
  before.controller.ban({ target: address(VICTIM), ttlSeconds: 120, operator: 'op' }, START);
  const { controller, keys, run } = setUp(config, store);
  const boot = 1000;
  controller.restore(boot);
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
  const step = START - boot;
  controller.clockStepped(step, START);
  run(START, 121);
  assert.deepEqual(keys(), []);
  assert.equal(controller.ban({ target: address('198.51.100.2'), operator: 'op' }, START + 121_000).ok, true);
});
