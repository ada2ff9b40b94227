import assert from 'node:assert/strict';
import { test } from 'node:test';
import { address, prefix } from '../fixtures/addressFixture.ts';
import { attackFixture, flowFixture, sampleOf } from '../fixtures/attackFixture.ts';
import { configFixture, groupFixture, NO_LIMITS } from '../fixtures/configFixture.ts';
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

const ON_LADDER = groupFixture({
  escalation: [
    { afterSeconds: 0, action: 'flowspec' },
    { afterSeconds: 5, action: 'blackhole' },
  ],
});

test('a rung that a reload removes is not climbed, and gives way where it is in force', () => {
  const short = configFixture({ groups: [groupFixture({ escalation: [{ afterSeconds: 0, action: 'flowspec' }] })] });
  const early = started(configFixture({ groups: [ON_LADDER] }));
  const attack = attackFixture('a', VICTIM, START);
  early.controller.attackOpened(attack, START);
  early.controller.reconfigure(short, [attack], START + 1000);
  early.run(START + 1000, 30, 'a');
  assert.deepEqual(early.keys(), [`ipv4-flowspec dst ${VICTIM}/32 proto udp`]);

  const late = started(configFixture({ groups: [ON_LADDER] }));
  late.controller.attackOpened(attack, START);
  const now = late.run(START, 10, 'a');
  assert.deepEqual(late.keys(), [`ipv4-unicast ${VICTIM}/32`]);
  late.controller.reconfigure(short, [attack], now);
  assert.deepEqual(late.keys(), [`ipv4-flowspec dst ${VICTIM}/32 proto udp`]);
  assert.deepEqual(late.told(), ['ban_started', 'rung', 'config']);
});

test('a fallback that a reload forbids is not used, and ends where it is in force', () => {
  const without = configFixture({
    groups: [groupFixture({ mitigation: 'flowspec', ban: { ...groupFixture().ban, fallback: 'none' } })],
  });
  const { controller, keys, run, gobgp, told } = started(FLOWSPEC);
  gobgp.hears.delete('ipv4-flowspec');
  const attack = attackFixture('a', VICTIM, START);
  controller.attackOpened(attack, START);
  assert.deepEqual(keys(), [`ipv4-unicast ${VICTIM}/32`]);
  controller.reconfigure(without, [attack], START + 1000);
  run(START + 1000, 10, 'a');
  assert.deepEqual(keys(), []);
  assert.deepEqual(told(), ['ban_started', 'ban_ended']);
  assert.deepEqual(controller.bans()[0].endedBy?.code, 'config_changed');
});

test('changed attributes reach active bans, automatic and by hand, after a reload and after a restart', () => {
  const bgp = { ...groupFixture().bgp, nextHop: '192.0.2.99', nextHop6: '100::1', communities: [], localPref: 50 };
  const changed = configFixture({ groups: [groupFixture({ bgp })] });
  const store = new MemoryStore();
  const before = started(configFixture(), store);
  const attack = attackFixture('a', VICTIM, START);
  before.controller.attackOpened(attack, START);
  before.controller.ban({ target: address('198.51.100.2'), operator: 'oper' }, START);
  const nextHops = ({ announcer }: typeof before) =>
    [...(announcer.wanted?.values() ?? [])].map(({ route }) => route.kind === 'unicast' && route.nextHop);
  assert.deepEqual(nextHops(before), ['192.0.2.254', '192.0.2.254']);
  const after = setUp(changed, store);
  after.controller.restore(START + 1000);
  assert.deepEqual(nextHops(after), ['192.0.2.99', '192.0.2.99']);
  assert.equal(
    store.loadActive().every(({ plan }) => JSON.stringify(plan).includes('192.0.2.99')),
    true,
  );
  before.controller.reconfigure(changed, [attack], START + 1000);
  assert.deepEqual(nextHops(before), ['192.0.2.99', '192.0.2.99']);
});

test('what is announced stays until the new plan is stored', () => {
  const bgp = {
    ...groupFixture().bgp,
    nextHop: '192.0.2.99',
    nextHop6: '100::1',
    communities: [],
    localPref: undefined,
  };
  const { controller, announcer, store, run } = started();
  const attack = attackFixture('a', VICTIM, START);
  controller.attackOpened(attack, START);
  store.failure = 'disk full';
  const nextHop = () =>
    [...(announcer.wanted?.values() ?? [])].map(({ route }) => route.kind === 'unicast' && route.nextHop);
  controller.reconfigure(configFixture({ groups: [groupFixture({ bgp })] }), [attack], START + 1000);
  assert.deepEqual(nextHop(), ['192.0.2.254']);
  store.failure = undefined;
  run(START + 1000, 3, 'a');
  assert.deepEqual(nextHop(), ['192.0.2.99']);
});

test('a group that is no longer mitigated has its automatic bans ended, and says so', () => {
  const { controller, keys, run } = started();
  const attack = attackFixture('a', VICTIM, START);
  controller.attackOpened(attack, START);
  controller.ban({ target: address('198.51.100.2'), operator: 'oper' }, START);
  controller.reconfigure(configFixture({ groups: [groupFixture({ mitigation: 'none' })] }), [attack], START + 1000);
  run(START + 1000, 10, 'a');
  assert.deepEqual(keys(), ['ipv4-unicast 198.51.100.2/32'], 'a ban by hand stays');
  const ended = controller.bans().find(({ targetText }) => targetText === VICTIM);
  assert.deepEqual(
    [ended?.endedBy?.code, ended?.reason],
    ['config_changed', 'by the config in force, attacks on this group are not mitigated'],
  );
});

test('a changed TTL reaches active bans, and a shorter one leaves a hysteresis to look', () => {
  const { controller } = started();
  const attack = attackFixture('a', VICTIM, START);
  controller.attackOpened(attack, START);
  const withTtl = (ttlSeconds: number) =>
    configFixture({ groups: [groupFixture({ ban: { ...groupFixture().ban, ttlSeconds } })] });
  controller.reconfigure(withTtl(600), [attack], START + 1000);
  assert.equal(controller.activeBans()[0].expiresAt, START + 600_000);
  controller.reconfigure(withTtl(5), [attack], START + 100_000);
  assert.equal(controller.activeBans()[0].expiresAt, START + 120_000, 'one hysteresis from now');
});

test('a reload that changes nothing of a ban changes and reports nothing, also after a restart', () => {
  const store = new MemoryStore();
  const { controller, told, announcer, store: disk } = started(FLOWSPEC, store);
  const attack = attackFixture('a', VICTIM, START);
  controller.attackOpened(attack, START);
  told();
  const { saves } = disk;
  const calls = announcer.setWantedCalls;
  controller.reconfigure(configFixture({ groups: [groupFixture({ mitigation: 'flowspec' })] }), [attack], START + 1000);
  assert.deepEqual([told(), disk.saves, announcer.setWantedCalls], [[], saves, calls]);
  const after = setUp(FLOWSPEC, store);
  after.controller.restore(START + 2000);
  assert.deepEqual(after.told(), []);
});

test('a group under another name has no fresh caps: its bans go with it, and what began counts', () => {
  const groupOf = (name: string) =>
    configFixture({
      groups: [
        groupFixture(),
        groupFixture({
          name,
          networks: [prefix('198.51.100.0/28')],
          ban: {
            ...groupFixture().ban,
            limits: { ...NO_LIMITS, maxBansPerWindow: 2, banWindowSeconds: 600, maxActiveBans: 2 },
          },
        }),
      ],
    });
  const store = new MemoryStore();
  const { controller } = started(groupOf('web'), store);
  for (const host of ['198.51.100.1', '198.51.100.2'])
    controller.ban({ target: address(host), operator: 'oper' }, START);
  controller.reconfigure(groupOf('shop'), [], START + 1000);
  assert.deepEqual(
    controller.activeBans().map(({ group }) => group),
    ['shop', 'shop'],
  );
  controller.unban(address('198.51.100.1'), START + 2000, 'oper');
  const third = { target: address('198.51.100.3'), operator: 'oper' };
  assert.equal(controller.ban(third, START + 3000).ban.rejectedBy, 'max_bans_per_window');
  const after = setUp(groupOf('store'), store);
  after.controller.restore(START + 4000);
  assert.equal(after.controller.ban(third, START + 5000).ban.rejectedBy, 'max_bans_per_window');
});
