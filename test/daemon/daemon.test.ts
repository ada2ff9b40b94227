import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { Daemon } from '../../src/daemon/daemon.ts';
import { AttackTraffic } from '../../src/flowgen/attackTraffic.ts';
import { SendSchedule, sendTelemetry } from '../../src/flowgen/sendTelemetry.ts';
import type { AttackJson } from '../../src/shapes/attackJson.ts';
import { address } from '../fixtures/addressFixture.ts';
import { silentLogger } from '../fixtures/silentLogger.ts';
import { FakeGobgp } from '../gobgp/fakeGobgp.ts';
import { flowsTo, sendDatagrams, telemetry } from '../ingest/runningPool.ts';
import { eventually } from '../integration/eventually.ts';
import { liveConfig } from '../integration/kapkanLab.ts';

/** A daemon in this process, not started yet, in front of a GoBGP that is made of a map. */
async function build(
  t: TestContext,
  changes: { readonly [key: string]: string } = {},
  onFatal: (error: Error) => void = assert.ifError,
) {
  const gobgp = await FakeGobgp.start();
  const folder = mkdtempSync(path.join(tmpdir(), 'kapkan-daemon-'));
  const file = path.join(folder, 'kapkan.yaml');
  const configure = (more: { readonly [key: string]: string }): void =>
    writeFileSync(file, liveConfig(gobgp.address, { ...changes, ...more }));
  configure({});
  const daemon = new Daemon(loadConfig(file, {}), { logger: silentLogger(), env: {}, onFatal });
  t.after(async () => {
    await daemon.stop();
    gobgp.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return { daemon, gobgp, configure };
}

/** Whether the request was answered at all. */
async function postBan(api: string, ip: string): Promise<boolean> {
  try {
    const headers = { 'Content-Type': 'application/json' };
    await fetch(`${api}/api/v1/ban`, { method: 'POST', headers, body: JSON.stringify({ ip }) });
    return true;
  } catch {
    return false;
  }
}

test('a ban asked for while Kapkan withdraws its routes and stops leaves no route behind', async (t) => {
  const ban = '{ ttl_seconds: 120, max_active_bans: 1000, on_shutdown: withdraw }';
  const { daemon, gobgp } = await build(t, { ban });
  await daemon.start();
  const { api } = daemon.addresses();
  await postBan(api, '203.0.113.100');
  await eventually(() => gobgp.rib.size === 1);
  const stopped = daemon.stop();
  for (let host = 101; host < 250 && (await postBan(api, `203.0.113.${host}`)); host++);
  await stopped;
  assert.deepEqual([...gobgp.rib.keys()], []);
});

for (const onShutdown of ['keep', 'withdraw']) {
  test(`on_shutdown: ${onShutdown} holds for a stop after an error too`, async (t) => {
    const ban = `{ ttl_seconds: 120, max_active_bans: 1000, on_shutdown: ${onShutdown} }`;
    for (const cause of ['decision', 'elsewhere']) {
      const errors: Error[] = [];
      const { daemon, gobgp } = await build(t, { ban }, (error) => errors.push(error));
      await daemon.start();
      await postBan(daemon.addresses().api, '203.0.113.100');
      await eventually(() => gobgp.rib.size === 1);
      if (cause === 'elsewhere') daemon.fail(new Error('a thread ended'));
      else await assert.rejects(daemon.facade.ban({ target: undefined as never, operator: '' }), TypeError);
      assert.equal(errors.length, 1);
      await daemon.stop();
      assert.equal(gobgp.rib.size, onShutdown === 'keep' ? 1 : 0, cause);
    }
  });
}

test('a reload during the start is in force when it has ended', async (t) => {
  const { daemon, configure } = await build(t, { dry_run: 'true' });
  const starting = daemon.start();
  configure({ networks: '[198.51.100.0/24]', hostgroups: '[]', protected_whitelist: '[]' });
  const reloading = daemon.reload();
  await starting;
  assert.deepEqual(await reloading, { reloaded: true, dryRun: true });
  const [listener] = daemon.addresses().telemetry;
  const stop = new AbortController();
  const sent = sendTelemetry({
    host: '127.0.0.1',
    port: Number(listener.slice(listener.lastIndexOf(':') + 1)),
    protocol: 'netflow5',
    sampling: 100,
    schedule: new SendSchedule(1000, 600),
    traffic: new AttackTraffic({
      attack: 'udp_flood',
      target: address('198.51.100.7'),
      packetBytes: undefined,
      packetsPerRecord: 1,
      seed: 1,
    }),
    signal: stop.signal,
  });
  t.after(async () => {
    stop.abort();
    await sent;
  });
  await eventually(() => daemon.facade.activeIncidents().length === 1, 5000);
});

test('an attack shows at which exporters and input interfaces it enters, whichever threads receive them', async (t) => {
  const thresholds = '{ pps: 200000, mbps: 100000, flows_per_sec: 100000 }';
  const { daemon } = await build(t, { dry_run: 'true', ingest: '{ workers: 2 }', thresholds });
  await daemon.start();
  const { api, telemetry: listeners } = daemon.addresses();
  const [netflow, sflow] = listeners.map((text) => Number(text.slice(text.lastIndexOf(':') + 1)));
  const flows = (inInterface: number, count: number) =>
    flowsTo('203.0.113.7', count).map((flow) => ({ ...flow, inInterface }));
  // Many sources, which the kernel spreads over the threads. All of them stay below the limit until the last one.
  for (let n = 1; n <= 8; n++) {
    const datagrams = telemetry('netflow5', flows(17, 1), 1000);
    await sendDatagrams(datagrams, { host: '127.0.0.1', port: netflow }, `127.0.3.${n}`);
  }
  await eventually(async () => {
    const response = await fetch(`${api}/api/v1/exporters`);
    return ((await response.json()) as { exporters: unknown[] }).exporters.length === 8;
  }, 5000);
  const datagrams = telemetry('sflow5', flows(3, 20), 10_000, '192.0.2.2');
  await sendDatagrams(datagrams, { host: '127.0.0.1', port: sflow }, '127.0.3.9');

  await eventually(() => daemon.facade.activeIncidents().length === 1, 5000);
  const [{ attack }] = daemon.facade.activeIncidents();
  const response = await fetch(`${api}/api/v1/attacks/${attack.id}`);
  const { sample } = (await response.json()) as AttackJson;
  const netflowExporters = Array.from({ length: 8 }, (_, n) => `127.0.3.${n + 1}`);
  assert.deepEqual(
    sample.top_exporters.map(({ key, packets }) => [key, packets]),
    [['192.0.2.2', 2_000_000], ...netflowExporters.map((key) => [key, 10_000])],
  );
  assert.deepEqual(
    sample.top_interfaces.map(({ key, packets }) => [key, packets]),
    [['192.0.2.2 3', 2_000_000], ...netflowExporters.map((key) => [`${key} 17`, 10_000])],
  );
});

test('a daemon may be stopped twice, and reloads nothing any more', async (t) => {
  const { daemon } = await build(t);
  await daemon.start();
  await Promise.all([daemon.stop(), daemon.stop()]);
  await daemon.stop();
  assert.equal((await daemon.reload()).reloaded, false);
});
