import assert from 'node:assert/strict';
import { test } from 'node:test';
import { address, prefix } from '../fixtures/addressFixture.ts';
import { type ConfigOverrides, configFixture, groupFixture } from '../fixtures/configFixture.ts';
import { START, started } from './controllerFixture.ts';
import { MemoryStore } from './memoryStore.ts';

const VICTIM = address('198.51.100.1');
const NO_SCRUBBING = groupFixture({ scrubbing: undefined });

const UNUSABLE = [
  {
    why: 'the rule budget is used up',
    method: 'flowspec',
    guard: 'flowspec_max_rules',
    config: { flowspecMaxRules: 0 },
  },
  { why: 'no peer negotiated FlowSpec', method: 'flowspec', guard: 'audience', config: {} },
  { why: 'there is no scrubbing centre', method: 'divert', guard: 'next_hop', config: { groups: [NO_SCRUBBING] } },
] as const;

const GROUPS = [
  groupFixture(),
  groupFixture({ name: 'alpha-web', tenant: 'alpha', networks: [prefix('198.51.100.0/27')] }),
  groupFixture({ name: 'alpha-dns', tenant: 'alpha', networks: [prefix('198.51.100.32/27')] }),
  groupFixture({ name: 'beta', tenant: 'beta', networks: [prefix('198.51.100.64/27')] }),
];

function controllerOf(overrides: ConfigOverrides = {}, store?: MemoryStore) {
  const { controller, announcer } = started(configFixture({ groups: GROUPS, ...overrides }), store);
  const ban = (host: number, tenant?: string, ttlSeconds?: number) => {
    const target = address(`198.51.100.${host}`);
    return controller.ban({ target, operator: tenant ?? 'noc', tenant, ttlSeconds }, START).ban;
  };
  return { controller, announcer, ban };
}

test('a ban by hand lasts at most max_ttl_seconds, whoever asks', () => {
  const { announcer, controller, ban } = controllerOf({ ban: { maxTtlSeconds: 3600 } });
  for (const tenant of [undefined, 'alpha']) {
    const refused = ban(1, tenant, 3601);
    assert.deepEqual([refused.state, refused.rejectedBy, refused.routes], ['rejected', 'max_ttl_seconds', []]);
    assert.equal(refused.reason, 'max_ttl_seconds: a TTL of 3601 s by hand, at most 3600 s allowed');
    assert.equal(announcer.wanted?.size ?? 0, 0);
    assert.equal(ban(1, tenant, 3600).state, 'active');
    controller.unban(address('198.51.100.1'), START, 'noc');
  }
  assert.equal(controller.counters().rejectedBy.max_ttl_seconds, 2);
});

test('without a TTL it lasts as its group says, within max_ttl_seconds', () => {
  const { ban } = controllerOf({ ban: { maxTtlSeconds: 30 } });
  assert.equal(ban(1).plan.ttlSeconds, 30);
  assert.equal(controllerOf().ban(1).plan.ttlSeconds, 60);
});

test('the bans by hand of one tenant use at most their share of the cap, over all its groups', () => {
  const { controller, ban } = controllerOf({ ban: { maxActiveBans: 4, maxTenantShare: 0.5 } });
  assert.equal(ban(1, 'alpha').state, 'active');
  assert.equal(ban(33, 'alpha').state, 'active');
  const refused = ban(2, 'alpha');
  assert.deepEqual([refused.state, refused.rejectedBy], ['rejected', 'max_tenant_share']);
  assert.equal(refused.reason, 'max_tenant_share: tenant alpha has 2 bans by hand, at most 2 allowed');
  assert.equal(ban(1, 'alpha').state, 'active', 'a ban of the same target takes the place of the one before');
  assert.equal(ban(65, 'beta').state, 'active', 'another tenant has a share of its own');
  assert.equal(ban(3).state, 'active', 'whoever may ban everything is not bound by it');
  controller.unban(address('198.51.100.1'), START, 'alpha');
  controller.unban(address('198.51.100.3'), START, 'noc');
  assert.equal(ban(2, 'alpha').state, 'active', 'one that ended leaves room');
});

test('a tenant may make one ban, however small its share is', () => {
  const { ban } = controllerOf({ ban: { maxActiveBans: 10, maxTenantShare: 0.01 } });
  assert.equal(ban(1, 'alpha').state, 'active');
  assert.equal(ban(2, 'alpha').rejectedBy, 'max_tenant_share');
});

test('a restart forgets no ban that counts for a share', () => {
  const store = new MemoryStore();
  const overrides = { ban: { maxActiveBans: 2 } };
  assert.equal(controllerOf(overrides, store).ban(1, 'alpha').state, 'active');
  assert.equal(controllerOf(overrides, store).ban(2, 'alpha').rejectedBy, 'max_tenant_share');
});

test('the bounds are of bans by hand, and none of an attack', () => {
  const { ban, controller } = controllerOf({ ban: { maxActiveBans: 4 } });
  assert.equal(ban(1, 'alpha').state, 'active');
  assert.equal(controller.activeBans().length, 1);
  const verdicts = controller.explain(address('198.51.100.2'), START).judgement.verdicts.map(({ guard }) => guard);
  assert.ok(!verdicts.includes('max_tenant_share') && !verdicts.includes('max_ttl_seconds'));
});

test('a ban by hand that cannot be what was asked is refused, and says what could be done instead', () => {
  for (const { why, method, guard, config } of UNUSABLE) {
    for (const dryRun of [false, true]) {
      const { controller, gobgp, keys } = started(configFixture({ ...config, dryRun }));
      gobgp.hears = new Set(['ipv4-unicast', 'ipv6-unicast']);
      // In dry-run every family is taken as heard, as no peer is asked.
      if (dryRun && guard === 'audience') continue;
      const { ok, ban } = controller.ban({ target: VICTIM, operator: 'ana', method }, START + 1000);
      assert.deepEqual([ok, ban.state, ban.rejectedBy, ban.routes], [false, 'rejected', guard, []], why);
      assert.match(ban.reason, /with allow_fallback a blackhole would take its place/, why);
      assert.deepEqual(keys(), [], why);
    }
  }
});

test('with allow_fallback a blackhole takes its place, whatever ban.fallback says of automatic bans', () => {
  for (const { why, method, config } of UNUSABLE) {
    const { controller, gobgp, keys } = started(
      configFixture({
        ...config,
        groups: [
          groupFixture({
            ...('groups' in config ? config.groups[0] : {}),
            ban: { ...NO_SCRUBBING.ban, fallback: 'none' },
          }),
        ],
      }),
    );
    gobgp.hears = new Set(['ipv4-unicast', 'ipv6-unicast']);
    const { ban } = controller.ban({ target: VICTIM, operator: 'ana', method, allowFallback: true }, START + 1000);
    assert.deepEqual([ban.state, ban.method, ban.fellBackFrom], ['active', 'blackhole', method], why);
    assert.deepEqual(keys(), ['ipv4-unicast 198.51.100.1/32'], why);
  }
});

test('a FlowSpec ban by hand never becomes a blackhole later: not where peers are lost, nor where GoBGP refuses it', () => {
  for (const lose of [
    ({ gobgp }: ReturnType<typeof started>) => gobgp.hears.delete('ipv4-flowspec'),
    ({ gobgp }: ReturnType<typeof started>) => {
      gobgp.refuses = ({ kind }) => kind === 'flowspec';
    },
    ({ controller }: ReturnType<typeof started>) =>
      controller.reconfigure(configFixture({ flowspecMaxRules: 0 }), [], START + 2000),
  ]) {
    const world = started();
    const { controller, announcer, keys } = world;
    controller.ban({ target: VICTIM, operator: 'ana', method: 'flowspec' }, START + 1000);
    lose(world);
    for (let now = START + 2000; now < START + 40_000; now += 500) {
      controller.tick(now);
      announcer.reconcile();
      assert.ok(
        keys().every((key) => key.startsWith('ipv4-flowspec ')),
        keys().join(),
      );
    }
  }
});
