import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_EVIDENCE } from '../../src/mitigation/announcer.ts';
import { attackFixture } from '../fixtures/attackFixture.ts';
import { activeBanOf } from '../fixtures/banFixture.ts';
import { configFixture, groupFixture } from '../fixtures/configFixture.ts';
import { START, started, VICTIM } from './controllerFixture.ts';

const LADDER = groupFixture({
  escalation: [
    { afterSeconds: 0, action: 'none' },
    { afterSeconds: 5, action: 'flowspec' },
    { afterSeconds: 10, action: 'divert' },
    { afterSeconds: 20, action: 'blackhole' },
  ],
});

const FLOWSPEC = configFixture({ groups: [groupFixture({ mitigation: 'flowspec' })] });

test('a ban climbs its ladder while its attack is seen, by the routes of the config in force', () => {
  const { controller, keys, told, run, announcer } = started(configFixture({ groups: [LADDER] }));
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  assert.deepEqual(keys(), []);
  let now = run(START, 5, 'a');
  assert.deepEqual(keys(), [`ipv4-flowspec dst ${VICTIM}/32 proto udp`]);
  const changed = { ...LADDER, scrubbing: { ...LADDER.scrubbing, nextHop: '203.0.113.77' } } as typeof LADDER;
  controller.reconfigure(configFixture({ groups: [changed] }), [], now);
  now = run(now, 5, 'a');
  const [divert] = announcer.wanted?.values() ?? [];
  assert.ok(divert.route.kind === 'unicast' && divert.route.nextHop === '203.0.113.77');
  run(now, 12);
  assert.equal(activeBanOf(controller, VICTIM)?.method, 'divert', 'a quiet attack does not climb');
  assert.deepEqual(told(), ['ban_started', 'rung', 'rung']);
});

test('after a pause the highest rung due comes at once', () => {
  const { controller, run } = started(configFixture({ groups: [LADDER] }));
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  run(START + 25_000, 0.5, 'a');
  assert.deepEqual(
    [activeBanOf(controller, VICTIM)?.method, activeBanOf(controller, VICTIM)?.escalationStep],
    ['blackhole', 3],
  );
});

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
  const fallen = activeBanOf(controller, VICTIM);
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
  assert.match(activeBanOf(controller, VICTIM)?.fellBackReason ?? '', /GoBGP refused: invalid argument/);
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

test("somebody else's route with the same match is no refusal: the ban keeps its method and is reported as failed", () => {
  const { controller, announcer, keys, told, run } = started(FLOWSPEC);
  announcer.evidence = () => ({ ...NO_EVIDENCE, isForeign: true, lastError: 'a route not made by Kapkan' });
  controller.attackOpened(attackFixture('a', VICTIM, START), START);
  run(START, 30, 'a');
  assert.deepEqual(keys(), [`ipv4-flowspec dst ${VICTIM}/32 proto udp`]);
  assert.deepEqual(told(), ['ban_started', 'ban_failed']);
});
