/*
 * History as an operator sees it: the real daemon under a real flood, asked over its API, stopped and started again.
 */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { eventually } from '../../integration/eventually.ts';
import { Kapkan } from '../../integration/kapkan.ts';
import { Chdb, requireChdb } from '../clickhouse/chdb.ts';

const TARGET = '192.0.2.7';

interface Attacks {
  readonly active: readonly unknown[];
  readonly recent: readonly {
    readonly id: string;
    readonly target: string;
    readonly active: boolean;
    readonly ban_state: string;
    readonly ended_at?: string;
    readonly sample: { readonly flows: readonly unknown[] };
  }[];
}

interface Traffic {
  readonly step: number;
  readonly points: readonly {
    readonly time: string;
    readonly mean: { readonly pps: number };
    readonly peak: { readonly pps: number };
  }[];
}

function configText(storage: string): string {
  return `
listen: { netflow: "127.0.0.1:0" }
networks: [192.0.2.0/24]
detection: { window_seconds: 1 }
thresholds: { pps: 20000, mbps: 100000, flows_per_sec: 100000 }
ban: { ttl_seconds: 60, unban_hysteresis_seconds: 1, max_active_bans: 10 }
bgp: { next_hop: 192.0.2.254 }
gobgp: { address: 127.0.0.1:1 }
storage: ${storage}
api: { listen: "127.0.0.1:0" }
`;
}

/** A flood of some seconds, until its attack is over and the history has it. */
async function floodOnce(kapkan: Kapkan): Promise<void> {
  const stop = kapkan.flood({ target: TARGET, packetsPerSecond: 50_000 });
  await eventually(async () => (await kapkan.attacks()).active.length === 1);
  // Long enough for an interval of two seconds to lie wholly in it.
  await eventually(async () => (await trafficOf(kapkan)).points.some(({ mean }) => mean.pps > 46_000));
  await stop();
  await eventually(async () => {
    const [past] = (await pastAttacks(kapkan)).recent;
    return past?.ended_at !== undefined && past.ban_state === 'withdrawn';
  });
}

/** Without parameters the list is the daemon's own, before a restart and after one. */
async function checkTimeline(kapkan: Kapkan): Promise<void> {
  await eventually(async () => (await kapkan.attacks()).recent.length === 1);
  const [{ id }] = (await pastAttacks(kapkan)).recent;
  const { timeline } = await kapkan.get<{ timeline: { event: string; code?: string }[] }>(`/api/v1/attacks/${id}`);
  assert.deepEqual(
    timeline.map(({ event, code }) => [event, code]),
    [
      ['attack_started', undefined],
      ['ban_started', undefined],
      ['attack_ended', undefined],
      ['ban_ended', 'attack_ended'],
    ],
  );
}

function pastAttacks(kapkan: Kapkan, more = ''): Promise<Attacks> {
  return kapkan.get<Attacks>(`/api/v1/attacks?limit=10${more}`);
}

function trafficOf(kapkan: Kapkan, what = `target=${TARGET}`): Promise<Traffic> {
  return kapkan.get<Traffic>(`/api/v1/traffic?${what}&step=2`);
}

async function checkHistory(kapkan: Kapkan): Promise<void> {
  await checkTimeline(kapkan);
  const { recent } = await pastAttacks(kapkan, `&target=${TARGET}&type=udp_flood&group=global`);
  assert.equal(recent.length, 1);
  assert.equal(recent[0].active, false);
  assert.equal(recent[0].ban_state, 'withdrawn');
  assert.ok(recent[0].sample.flows.length > 0);
  assert.equal((await pastAttacks(kapkan, '&target=192.0.2.8')).recent.length, 0);
  assert.equal((await pastAttacks(kapkan, '&to=2020-01-01T00:00:00Z')).recent.length, 0);
  for (const what of [`target=${TARGET}`, 'group=global']) {
    const { points, step } = await trafficOf(kapkan, what);
    assert.equal(step, 2);
    const means = points.map(({ mean }) => mean.pps);
    const highest = Math.max(...means);
    assert.ok(highest > 44_000 && highest < 56_000, `${what}: ${means}`);
    for (const { mean, peak } of points) assert.ok(peak.pps >= mean.pps);
  }
  const { events } = await kapkan.get<{ events: { action: string; result: string }[] }>('/api/v1/audit');
  assert.deepEqual([events[0].action, events[0].result], ['ban', 'active']);
}

/** Written rows are in the counters, and nothing was lost. */
async function checkCounters(kapkan: Kapkan): Promise<void> {
  const count = (table: string, result: string) =>
    kapkan.metric(`kapkan_storage_rows_total{table="${table}",result="${result}"}`);
  // Started, banned, ended, withdrawn.
  assert.ok((await count('attack_events', 'written')) >= 4);
  // The group and the host, in two intervals: the attack may be over before the second one.
  await eventually(async () => (await count('traffic', 'written')) >= 4);
  assert.equal(await count('audit_events', 'written'), 1);
  for (const table of ['attack_events', 'traffic', 'audit_events']) {
    for (const result of ['dropped', 'error']) assert.equal(await count(table, result), 0, `${table} ${result}`);
  }
}

test('past attacks and traffic can be queried later, also after a restart', async (t) => {
  const kapkan = new Kapkan(t, configText('{ traffic_interval_seconds: 2 }'));
  await kapkan.start();
  assert.equal((await kapkan.post('/api/v1/ban', { ip: '192.0.2.99' })).status, 200);
  await floodOnce(kapkan);
  await checkHistory(kapkan);
  await checkCounters(kapkan);
  await kapkan.end();
  await kapkan.start();
  await checkHistory(kapkan);
});

test('a destroyed history file loses the history and no ban', async (t) => {
  const kapkan = new Kapkan(t, configText('{ traffic_interval_seconds: 2 }'));
  await kapkan.start();
  await kapkan.post('/api/v1/ban', { ip: '192.0.2.99' });
  await kapkan.end();
  const file = path.join(path.dirname(kapkan.stateFile), 'history.db');
  assert.ok(existsSync(file));
  writeFileSync(file, 'x'.repeat(50_000));
  await kapkan.start();
  assert.equal((await kapkan.activeBan('192.0.2.99'))?.state, 'active');
  await kapkan.post('/api/v1/unban', { ip: '192.0.2.99' });
  await eventually(async () => {
    const { events } = await kapkan.get<{ events: { action: string }[] }>('/api/v1/audit');
    assert.deepEqual(
      events.map(({ action }) => action),
      ['unban'],
    );
  });
  assert.match(kapkan.log, /the history file is unreadable; it was put aside and a new one is created/);
});

test('with ClickHouse configured the API answers the same from there', async (t) => {
  const folder = requireChdb(t);
  if (folder === undefined) return;
  const server = new Chdb(t, folder);
  await server.start();
  const clickhouse = `{ url: "${server.url}", flush_interval_seconds: 1, traffic_interval_seconds: 2 }`;
  const kapkan = new Kapkan(t, configText(`{ clickhouse: ${clickhouse} }`));
  await kapkan.start();
  assert.equal((await kapkan.post('/api/v1/ban', { ip: '192.0.2.99' })).status, 200);
  await floodOnce(kapkan);
  await checkHistory(kapkan);
  await checkCounters(kapkan);
  const rows = await server.number('SELECT count() FROM kapkan.attack_events');
  assert.equal(await kapkan.metric('kapkan_storage_rows_total{table="attack_events",result="written"}'), rows);
  await server.kill();
  await assert.rejects(pastAttacks(kapkan), /503.*history is not available/);
  assert.deepEqual((await kapkan.attacks()).active, [], 'what is in memory is still answered');
});
