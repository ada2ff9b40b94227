import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { keysInForce, withdrawCommand } from '../../src/cli/withdrawCommand.ts';
import type { Ban } from '../../src/mitigation/ban.ts';
import type { Route } from '../../src/mitigation/route.ts';
import { hostPrefix } from '../../src/net/prefix.ts';
import { SqliteBanStore } from '../../src/storage/sqliteBanStore.ts';
import { address } from '../fixtures/addressFixture.ts';
import { banOf } from '../fixtures/banFixture.ts';
import { stateDirectory } from '../storage/stateDirectory.ts';
import { runInProcess } from './commandRun.ts';

const NOW = 1_700_000_000_000;

test('the routes in force are those of real, active bans whose expiry is ahead, and no others', () => {
  const anyBan = fc
    .record({
      last: fc.integer({ min: 1, max: 30 }),
      state: fc.constantFrom('active', 'withdrawn', 'rejected'),
      dryRun: fc.boolean(),
      expiresAt: fc.integer({ min: NOW - 5, max: NOW + 5 }),
    })
    .map(({ last, ...rest }) => banOf({ ...rest, targetText: `192.0.2.${last}` }));
  fc.assert(
    fc.property(fc.array(anyBan, { maxLength: 20 }), (bans) => {
      const expected = new Set<string>();
      for (const ban of bans) {
        if (ban.state === 'active' && !ban.dryRun && ban.expiresAt > NOW)
          expected.add(`ipv4-unicast ${ban.targetText}/32`);
      }
      assert.deepEqual([...keysInForce(bans, NOW)].sort(), [...expected].sort());
    }),
  );
});

test('a ban that escalates keeps the route it leaves as well as the next one', () => {
  const rule = flowspecRule('192.0.2.1');
  const ban = banOf({ expiresAt: NOW + 1 });
  const climbing: Ban = { ...ban, plan: { ...ban.plan, routes: { ...ban.plan.routes, flowspec: [rule] } } };
  assert.deepEqual([...keysInForce([climbing], NOW)].sort(), [
    'ipv4-flowspec dst 192.0.2.1/32 proto udp',
    'ipv4-unicast 192.0.2.1/32',
  ]);
});

test('--expired refuses where the state file cannot be read', async (t) => {
  const { config, state } = deployment(t);
  const missing = await runInProcess(withdrawCommand, ['--expired', '--config', config]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /there is no state file .*kapkan\.db/);

  new SqliteBanStore(state).close();
  writeFileSync(path.join(state, 'kapkan.db'), 'garbage');
  const damaged = await runInProcess(withdrawCommand, ['--expired', '--config', config]);
  assert.equal(damaged.code, 1);
  assert.match(damaged.stderr, /kapkan\.db is damaged/);
});

test('a GoBGP that cannot be reached is named, the next one is tried, and the exit code is 4', async (t) => {
  const { config, state } = deployment(t);
  new SqliteBanStore(state).close();
  for (const flag of ['--expired', '--all']) {
    const { code, stderr, stdout } = await runInProcess(withdrawCommand, [flag, '--config', config]);
    assert.equal(code, 4, stderr);
    assert.match(stderr, /127\.0\.0\.1:1: connection refused/);
    assert.match(stderr, /127\.0\.0\.1:2: connection refused/);
    assert.equal(stdout, '');
  }
});

test('wrong usage ends with 2 and an invalid config with 1', async (t) => {
  const { config } = deployment(t);
  for (const args of [
    [],
    ['--all'],
    ['--all', '--expired', '--config', config],
    ['--config', config],
    ['--some', '--config', config],
  ]) {
    assert.equal((await runInProcess(withdrawCommand, args)).code, 2, args.join(' '));
  }
  writeFileSync(config, 'networks: 7\n');
  const { code, stderr } = await runInProcess(withdrawCommand, ['--all', '--config', config]);
  assert.equal(code, 1);
  assert.match(stderr, /networks/);
});

test('a config that is otherwise invalid is enough, and its problems are reported', async (t) => {
  const { config, state } = deployment(t);
  new SqliteBanStore(state).close();
  const valid = readFileSync(config, 'utf8');
  for (const text of [`${valid}networks: 7\n`, `${valid}hostgroups: [\n`, `listen:\n\tsflow: 1\n${valid}`]) {
    writeFileSync(config, text);
    for (const flag of ['--expired', '--all']) {
      const { code, stderr } = await runInProcess(withdrawCommand, [flag, '--config', config]);
      assert.equal(code, 4, stderr);
      assert.match(stderr, /^warning: \S+kapkan\.yaml:\d+:\d+: /);
      assert.match(stderr, /the config is invalid; withdrawing at 127\.0\.0\.1:1, 127\.0\.0\.1:2, with the state in/);
      assert.match(stderr, /127\.0\.0\.1:2: connection refused/);
    }
  }
});

test('where the config does not say which GoBGP is meant, the state does', async (t) => {
  const { config, state } = deployment(t);
  const store = new SqliteBanStore(state);
  store.saveIdentity({ instanceId: 3, addresses: ['127.0.0.1:4'], asns: [64500] });
  store.close();
  writeFileSync(config, readFileSync(config, 'utf8').replace('"127.0.0.1:1"', '127.0.0.1'));
  for (const flag of ['--expired', '--all']) {
    const { code, stderr } = await runInProcess(withdrawCommand, [flag, '--config', config]);
    assert.equal(code, 4, stderr);
    assert.match(stderr, /127\.0\.0\.1:4: connection refused/);
    assert.doesNotMatch(stderr, /127\.0\.0\.1:2: connection refused/);
  }
});

test('nothing counts as expired where the config does not name the state directory', async (t) => {
  const { config } = deployment(t);
  writeFileSync(config, readFileSync(config, 'utf8').replace('path: state', 'pth: state'));
  const { code, stderr } = await runInProcess(withdrawCommand, ['--expired', '--config', config]);
  assert.equal(code, 1);
  assert.match(stderr, /storage\.pth: is not a known key/);
});

/** A config with two GoBGPs that are not there, a token that is not set, and an empty place for the state. */
function deployment(t: TestContext): { config: string; state: string } {
  const directory = stateDirectory(t);
  const config = path.join(directory, 'kapkan.yaml');
  writeFileSync(
    config,
    `listen: { netflow: "127.0.0.1:2055" }
networks: [192.0.2.0/24]
thresholds: { pps: 1000, mbps: 100, flows_per_sec: 1000 }
ban: { ttl_seconds: 60, max_active_bans: 10 }
gobgp: { address: ["127.0.0.1:1", "127.0.0.1:2"], timeout_seconds: 1 }
api: { token_env: KAPKAN_TOKEN_THAT_IS_NOT_SET }
storage: { path: state }
`,
  );
  return { config, state: path.join(directory, 'state') };
}

function flowspecRule(victim: string): Route {
  return {
    kind: 'flowspec',
    match: {
      destination: hostPrefix(address(victim)),
      source: undefined,
      protocols: [17],
      sourcePorts: [],
      destinationPorts: [],
      tcpFlags: undefined,
      fragment: false,
      packetLengths: [],
      icmpTypes: [],
      dscp: [],
    },
    rateBytesPerSecond: 0,
  };
}
