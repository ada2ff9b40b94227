import assert from 'node:assert/strict';
import { test } from 'node:test';
import { address, prefix } from '../fixtures/addressFixture.ts';
import { type ConfigOverrides, configFixture, groupFixture } from '../fixtures/configFixture.ts';
import { START, started } from './controllerFixture.ts';
import { MemoryStore } from './memoryStore.ts';

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
