/*
 * The dead man's switch and the panic button against real gobgpd daemons. Routes are injected with GoBGP's own client.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { withdrawCommand } from '../../src/cli/withdrawCommand.ts';
import { SqliteBanStore } from '../../src/storage/sqliteBanStore.ts';
import { readStoredState } from '../../src/storage/storedState.ts';
import { banOf } from '../fixtures/banFixture.ts';
import { requireDaemon } from '../integration/daemons.ts';
import { freePort, Gobgpd, loopbackAddress } from '../integration/gobgpd.ts';
import { stateDirectory } from '../storage/stateDirectory.ts';
import { runInProcess } from './commandRun.ts';

const ASN = 64_512;
const OURS = `${ASN}:19280:1`;
const OTHER_INSTANCE = `${ASN}:19280:2`;
const HOUR_MS = 3_600_000;

for (const daemon of ['gobgpd', 'gobgpd4'] as const) {
  test(`${daemon}: --expired withdraws what ran out or belongs to no ban, and nothing else`, async (t) => {
    const executable = requireDaemon(t, daemon);
    if (executable === undefined) return;
    const gobgpd = await startGobgpd(t, executable);
    const { config, store } = deployment(t, [gobgpd.apiAddress]);
    for (const last of [1, 2, 3, 4]) await inject(gobgpd, `192.0.2.${last}/32`, OURS);
    await inject(gobgpd, '192.0.2.5/32', OTHER_INSTANCE);
    await gobgpd.globalRib('add', '192.0.2.6/32', 'nexthop', '192.0.2.254');
    store.save([
      banOf({ id: 'in force', targetText: '192.0.2.1', expiresAt: Date.now() + HOUR_MS }),
      banOf({ id: 'ran out', targetText: '192.0.2.2', expiresAt: Date.now() - 1 }),
      banOf({
        id: 'ended',
        targetText: '192.0.2.3',
        state: 'withdrawn',
        withdrawnAt: 1,
        expiresAt: Date.now() + HOUR_MS,
      }),
    ]);

    const { code, stdout, stderr } = await runInProcess(withdrawCommand, ['--expired', '--config', config]);
    assert.equal(code, 0, stderr);
    const withdrawn = [2, 3, 4].map((last) => `${gobgpd.apiAddress}: withdrew ipv4-unicast 192.0.2.${last}/32`);
    assert.deepEqual(stdout.trim().split('\n').sort(), withdrawn);
    assert.deepEqual(await gobgpd.rib('ipv4'), ['192.0.2.1/32', '192.0.2.5/32', '192.0.2.6/32']);

    const again = await runInProcess(withdrawCommand, ['--expired', '--config', config]);
    assert.equal(again.stdout, `${gobgpd.apiAddress}: nothing to withdraw\n`);
  });
}

test('--expired of a dry-run instance withdraws only routes of ended real bans in its own state', async (t) => {
  const executable = requireDaemon(t, 'gobgpd');
  if (executable === undefined) return;
  const gobgpd = await startGobgpd(t, executable);
  const { config, store } = deployment(t, [gobgpd.apiAddress], true);
  for (const last of [1, 2, 3]) await inject(gobgpd, `192.0.2.${last}/32`, OURS);
  store.save([
    banOf({ id: 'not real', targetText: '192.0.2.2', dryRun: true, expiresAt: Date.now() - 1 }),
    banOf({ id: 'of a time when it was live', targetText: '192.0.2.3', expiresAt: Date.now() - 1 }),
  ]);
  const { code, stderr } = await runInProcess(withdrawCommand, ['--expired', '--config', config]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(await gobgpd.rib('ipv4'), ['192.0.2.1/32', '192.0.2.2/32']);
});

test('--expired skips a damaged ban with a message, leaves its route and withdraws the rest', async (t) => {
  const executable = requireDaemon(t, 'gobgpd');
  if (executable === undefined) return;
  const gobgpd = await startGobgpd(t, executable);
  const { config, store } = deployment(t, [gobgpd.apiAddress]);
  for (const last of [1, 2, 3]) await inject(gobgpd, `192.0.2.${last}/32`, OURS);
  store.save([
    banOf({ id: 'damaged', targetText: '192.0.2.1', expiresAt: Date.now() + HOUR_MS }),
    banOf({ id: 'ran out', targetText: '192.0.2.2', expiresAt: Date.now() - 1 }),
  ]);
  const db = new DatabaseSync(store.file);
  db.exec("UPDATE bans SET ban = '{' WHERE id = 'damaged'");
  db.close();
  const { code, stderr } = await runInProcess(withdrawCommand, ['--expired', '--config', config]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /ban damaged is damaged in the state file; routes of 192\.0\.2\.1 are left alone until 20/);
  assert.deepEqual(await gobgpd.rib('ipv4'), ['192.0.2.1/32']);
});

test('--all also reaches the mark under which the bans were announced, and then lets another start', async (t) => {
  const executable = requireDaemon(t, 'gobgpd');
  if (executable === undefined) return;
  const gobgpd = await startGobgpd(t, executable);
  const { config, store } = deployment(t, [gobgpd.apiAddress]);
  for (const last of [1, 2]) await inject(gobgpd, `192.0.2.${last}/32`, OTHER_INSTANCE);
  store.save([banOf({ targetText: '192.0.2.1', expiresAt: Date.now() + HOUR_MS })]);
  store.saveIdentity({ instanceId: 2, addresses: [gobgpd.apiAddress], asns: [] });
  store.close();
  const { code, stderr } = await runInProcess(withdrawCommand, ['--all', '--config', config]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(await gobgpd.rib('ipv4'), ['192.0.2.2/32'], 'what the state does not know may be of another Kapkan');
  assert.equal(readStoredState(path.dirname(store.file)).identity, undefined);
});

test('routes with the mark of an AS number that GoBGP had before are withdrawn too, if the state knows it', async (t) => {
  const executable = requireDaemon(t, 'gobgpd');
  if (executable === undefined) return;
  const gobgpd = await startGobgpd(t, executable);
  const { config, store } = deployment(t, [gobgpd.apiAddress]);
  await inject(gobgpd, '192.0.2.1/32', OURS);
  await inject(gobgpd, '192.0.2.2/32', '64511:19280:1');
  await inject(gobgpd, '192.0.2.3/32', '64510:19280:1');
  store.saveIdentity({ instanceId: 1, addresses: [gobgpd.apiAddress], asns: [64_511, ASN] });
  store.close();
  const { code, stderr } = await runInProcess(withdrawCommand, ['--expired', '--config', config]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(await gobgpd.rib('ipv4'), ['192.0.2.3/32']);
});

test('--all withdraws every marked route of every GoBGP, of all families, with no state file at all', async (t) => {
  const executable = requireDaemon(t, 'gobgpd');
  if (executable === undefined) return;
  const [first, second] = [await startGobgpd(t, executable), await startGobgpd(t, executable)];
  const { config, store } = deployment(t, [first.apiAddress, '127.0.0.1:1', second.apiAddress]);
  store.close();
  for (const gobgpd of [first, second]) {
    await inject(gobgpd, '192.0.2.1/32', OURS);
    await inject(gobgpd, '192.0.2.2/32', OTHER_INSTANCE);
    await gobgpd.globalRib('-a', 'ipv6', 'add', '2001:db8::1/128', 'nexthop', '100::1', 'large-community', OURS);
    const rule = ['match', 'destination', '192.0.2.1/32', 'protocol', 'udp', 'then', 'discard'];
    await gobgpd.globalRib('-a', 'ipv4-flowspec', 'add', ...rule, 'large-community', OURS);
  }

  const { code, stdout } = await runInProcess(withdrawCommand, ['--all', '--config', config]);
  assert.equal(code, 4, 'one of the three is not there');
  assert.equal(stdout.trim().split('\n').length, 6);
  for (const gobgpd of [first, second]) {
    assert.deepEqual(await gobgpd.rib('ipv4'), ['192.0.2.2/32']);
    assert.deepEqual(await gobgpd.rib('ipv6'), []);
    assert.deepEqual(await gobgpd.rib('ipv4-flowspec'), []);
  }
});

test('--expired beside a daemon that is making bans withdraws none of them', async (t) => {
  const executable = requireDaemon(t, 'gobgpd');
  if (executable === undefined) return;
  const gobgpd = await startGobgpd(t, executable);
  const { config, store } = deployment(t, [gobgpd.apiAddress]);
  let making = true;
  const withdrawing = (async () => {
    let output = '';
    while (making) output += (await runInProcess(withdrawCommand, ['--expired', '--config', config])).stdout;
    return output;
  })();
  for (let last = 1; last <= 40; last++) {
    store.save([banOf({ id: `ban-${last}`, targetText: `192.0.2.${last}`, expiresAt: Date.now() + HOUR_MS })]);
    await inject(gobgpd, `192.0.2.${last}/32`, OURS);
  }
  making = false;
  assert.doesNotMatch(await withdrawing, /withdrew/);
  assert.equal((await gobgpd.rib('ipv4')).length, 40);
});

async function startGobgpd(t: TestContext, executable: string): Promise<Gobgpd> {
  const address = loopbackAddress();
  const port = await freePort(address);
  const gobgpd = await Gobgpd.start({ executable, asn: ASN, address, port, neighbors: [] });
  t.after(() => gobgpd.dispose());
  return gobgpd;
}

async function inject(gobgpd: Gobgpd, prefix: string, largeCommunity: string): Promise<void> {
  await gobgpd.globalRib('add', prefix, 'nexthop', '192.0.2.254', 'large-community', largeCommunity);
}

/** A config for these GoBGPs and a store that stays open, as a running daemon's does. */
function deployment(
  t: TestContext,
  gobgpAddresses: readonly string[],
  dryRun = false,
): { config: string; store: SqliteBanStore } {
  const directory = stateDirectory(t);
  const config = path.join(directory, 'kapkan.yaml');
  writeFileSync(
    config,
    `dry_run: ${dryRun}
listen: { netflow: "127.0.0.1:2055" }
bgp: { next_hop: 192.0.2.254, next_hop6: "100::1" }
networks: [192.0.2.0/24, "2001:db8::/32"]
thresholds: { pps: 1000, mbps: 100, flows_per_sec: 1000 }
ban: { ttl_seconds: 60, max_active_bans: 10 }
gobgp: { address: ${JSON.stringify(gobgpAddresses)}, timeout_seconds: 5 }
storage: { path: state }
`,
  );
  const store = new SqliteBanStore(path.join(directory, 'state'));
  return { config, store };
}
