import assert from 'node:assert/strict';
import { test } from 'node:test';
import { address } from '../fixtures/addressFixture.ts';
import { attackFixture } from '../fixtures/attackFixture.ts';
import { activeBanOf } from '../fixtures/banFixture.ts';
import { configFixture, groupFixture } from '../fixtures/configFixture.ts';
import { START, setUp, started, VICTIM } from './controllerFixture.ts';
import { MemoryStore } from './memoryStore.ts';

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

test('dry-run is recorded and never announced', () => {
  const { controller, announcer, dryRunAnnouncer } = started(configFixture({ dryRun: true }));
  assert.equal(controller.attackOpened(attackFixture('a', VICTIM, START), START)?.dryRun, true);
  assert.ok(controller.ban({ target: address('198.51.100.2'), method: 'flowspec', operator: 'oper' }, START).ok);
  assert.equal(announcer.wanted?.size, 0);
  assert.deepEqual(dryRunAnnouncer.counts(), { unicast: 1, flowspec: 1 });
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
  const { rejected, rejectedBy, failed } = controller.counters();
  assert.deepEqual([rejected, rejectedBy.harmless, failed], [1, 1, 1], 'counted as a refusal and a failure');
});

test('a ban that no peer is sent counts as a refusal and a failure, once each time', () => {
  const { controller, gobgp, told, run } = started();
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  let now = run(START, 20, 'a');
  assert.equal(controller.counters().failed, 0);
  gobgp.hears.clear();
  now = run(now, 30, 'a');
  assert.deepEqual(told(), ['ban_started', 'ban_failed']);
  gobgp.hears.add('ipv4-unicast');
  now = run(now, 5, 'a');
  gobgp.hears.clear();
  run(now, 30, 'a');
  const { rejected, rejectedBy, failed } = controller.counters();
  assert.deepEqual([rejected, rejectedBy.audience, failed], [2, 2, 2]);
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

test('an attack counts once for max_bans_per_window, whatever became of its bans, also after a restart', () => {
  const config = configFixture({ ban: { maxBansPerWindow: 2, banWindowSeconds: 3600 } });
  const whitelisting = configFixture({ ban: { maxBansPerWindow: 2, banWindowSeconds: 3600 }, whitelist: [VICTIM] });
  const store = new MemoryStore();
  const { controller, keys, run } = started(config, store);
  const attack = attackFixture('a', VICTIM, START);
  controller.attackOpened(attack, START);
  let now = START;
  for (let i = 0; i < 5; i++) {
    controller.reconfigure(whitelisting, [attack], now + 1000);
    assert.deepEqual(keys(), []);
    controller.reconfigure(config, [attack], now + 2000);
    now = run(now + 2000, 6, 'a');
    assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`], 'the same attack is answered again');
  }
  controller.attackOpened(attackFixture('b', '198.51.100.2', now), now);
  controller.attackOpened(attackFixture('c', '198.51.100.3', now), now);
  assert.equal(keys().length, 2, 'two attacks have begun, and there is no room for a third');
  const after = setUp(config, store);
  after.controller.restore(now + 1000);
  assert.deepEqual(after.keys().length, 2);
  after.controller.attackOpened(attackFixture('d', '198.51.100.4', now + 2000), now + 2000);
  assert.equal(after.keys().length, 2);
});

test('a ban by hand that runs out while its attack pauses is followed by an automatic one until the attack ended', () => {
  const { controller, keys, run } = started();
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  controller.ban({ target: address(VICTIM), ttlSeconds: 12, operator: 'oper' }, START + 1000);
  let now = run(START + 1000, 2, 'a');
  now = run(now, 15);
  assert.equal(activeBanOf(controller, VICTIM)?.madeBy, 'attack', 'quiet for 12 s is less than the hysteresis');
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
  controller.attackEnded('a', now + 5000);
  assert.deepEqual(keys(), []);
});

test('an unban holds after a restart while the same attack goes on, and not for a later one', () => {
  const store = new MemoryStore();
  const before = started(configFixture(), store);
  before.controller.attackOpened(attackFixture('a', VICTIM, START), START);
  before.controller.unban(address(VICTIM), START + 1000, 'oper');
  // Killed, and started again: the detector finds the attack anew, under another id.
  const after = setUp(configFixture(), store);
  after.controller.restore(START + 2000);
  after.controller.attackOpened(attackFixture('b', VICTIM, START + 4000), START + 4000);
  let now = after.run(START + 4000, 30, 'b');
  assert.deepEqual(after.keys(), []);
  // Once more, with the second process as the first.
  const third = setUp(configFixture(), store);
  third.controller.restore(now);
  third.controller.attackOpened(attackFixture('c', VICTIM, now), now);
  now = third.run(now, 5, 'c');
  assert.deepEqual(third.keys(), []);
  third.controller.attackEnded('c', now);
  third.controller.attackOpened(attackFixture('d', VICTIM, now), now);
  assert.deepEqual(third.keys(), [`ipv4-unicast ${VICTIM}/32`], 'a new attack is answered');
});

test('an attack that was left alone and ended while Kapkan was down does not shield a later one', () => {
  const store = new MemoryStore();
  const before = started(configFixture(), store);
  before.controller.attackOpened(attackFixture('a', VICTIM, START), START);
  before.controller.unban(address(VICTIM), START + 1000, 'oper');
  const after = setUp(configFixture(), store);
  after.controller.restore(START + 2000);
  const now = after.run(START + 2000, 21);
  after.controller.attackOpened(attackFixture('b', VICTIM, now), now);
  assert.deepEqual(after.keys(), [`ipv4-unicast ${VICTIM}/32`]);
  assert.deepEqual(store.loadLeftAlone(), []);
});

test('time in which nothing could be observed does not end the search for an attack that was left alone', () => {
  const store = new MemoryStore();
  const before = started(configFixture(), store);
  before.controller.attackOpened(attackFixture('a', VICTIM, START), START);
  before.controller.unban(address(VICTIM), START + 1000, 'oper');
  const after = setUp(configFixture(), store);
  after.controller.restore(START + 2000);
  let now = START + 2000;
  for (let i = 0; i < 10; i++) {
    now = after.run(now, 10);
    after.controller.notObserved(now);
  }
  after.controller.attackOpened(attackFixture('b', VICTIM, now), now);
  assert.deepEqual(after.keys(), []);
});
