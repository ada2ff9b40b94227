import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchVictim } from '../../src/mitigation/flowspecRules.ts';
import { address, prefix } from '../fixtures/addressFixture.ts';
import { attackFixture } from '../fixtures/attackFixture.ts';
import { activeBanOf } from '../fixtures/banFixture.ts';
import { configFixture, groupFixture } from '../fixtures/configFixture.ts';
import { START, setUp, started, VICTIM } from './controllerFixture.ts';
import { MemoryStore } from './memoryStore.ts';

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
  assert.equal(activeBanOf(controller, VICTIM)?.madeBy, 'attack', 'the manual ban ran out and handed over');
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
