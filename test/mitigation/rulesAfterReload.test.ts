import assert from 'node:assert/strict';
import { test } from 'node:test';
import { address } from '../fixtures/addressFixture.ts';
import { attackFixture, flowFixture, sampleOf } from '../fixtures/attackFixture.ts';
import { configFixture, groupFixture } from '../fixtures/configFixture.ts';
import { START, setUp, started, VICTIM } from './controllerFixture.ts';
import { MemoryStore } from './memoryStore.ts';

const FLOWSPEC = configFixture({ groups: [groupFixture({ mitigation: 'flowspec' })] });

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
