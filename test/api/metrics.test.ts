import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { Metrics } from '../../src/api/metrics.ts';
import { EMPTY_SNAPSHOT } from '../../src/ingest/ingestSnapshot.ts';
import { LATENCY_BOUNDS_SECONDS } from '../../src/ingest/latencyHistogram.ts';
import { requireDaemon } from '../integration/daemons.ts';
import { NOTHING_COUNTED } from './countersFixture.ts';
import { type Family, parseExposition } from './expositionParser.ts';
import { banOf, FakeDaemon, NOW } from './fakeDaemon.ts';
import { runApi } from './runningApi.ts';

/** Names, types and label sets that dashboards and alerts are built on. */
const CONTRACT: Record<string, [type: string, labels: string[]]> = {
  kapkan_ingest_flows_total: ['counter', ['protocol']],
  kapkan_ingest_packets_total: ['counter', ['exporter', 'protocol']],
  kapkan_ingest_decode_errors_total: ['counter', []],
  kapkan_engine_active_attacks: ['gauge', []],
  kapkan_engine_attacks_total: ['counter', []],
  kapkan_engine_process_latency_seconds: ['histogram', []],
  kapkan_engine_tracked_hosts: ['gauge', []],
  kapkan_mitigate_announced_routes: ['gauge', ['mode']],
  kapkan_mitigate_flowspec_rules: ['gauge', ['mode']],
  kapkan_mitigate_bans_rejected_total: ['counter', []],
  kapkan_notify_notifications_total: ['counter', ['channel', 'result']],
  kapkan_storage_rows_total: ['counter', ['table', 'result']],
};

async function scrape(daemon: FakeDaemon): Promise<Map<string, Family>> {
  return parseExposition(await new Metrics(daemon).exposition());
}

function samplesOf(families: Map<string, Family>, name: string): Record<string, number> {
  const entries = [...(families.get(name)?.samples ?? [])];
  return Object.fromEntries(entries.map(([key, value]) => [key.slice(name.length), value]));
}

function labelNames(key: string): string[] {
  return [...key.matchAll(/([a-z_]+)="/g)].map(([, label]) => label);
}

test("the contract's twelve metrics have their exact names, types and labels", async () => {
  const families = await scrape(new FakeDaemon());
  for (const [name, [type, labels]] of Object.entries(CONTRACT)) {
    const family = families.get(name);
    assert.equal(family?.type, type, name);
    assert.ok(family.samples.size > 0, name);
    if (type === 'histogram') continue;
    for (const key of family.samples.keys()) assert.deepEqual(labelNames(key), labels, key);
  }
});

test('the values are those at the time of the scrape', async () => {
  const daemon = new FakeDaemon();
  const metrics = new Metrics(daemon);
  const read = async (name: string) => samplesOf(parseExposition(await metrics.exposition()), name);
  assert.deepEqual(await read('kapkan_ingest_flows_total'), {
    '{protocol="netflow5"}': 900,
    '{protocol="netflow9"}': 0,
    '{protocol="ipfix"}': 0,
    '{protocol="sflow5"}': 90,
  });
  assert.deepEqual(await read('kapkan_ingest_packets_total'), {
    '{exporter="198.51.100.1",protocol="netflow5"}': 30,
    '{exporter="other",protocol="sflow5"}': 10,
  });
  assert.deepEqual(await read('kapkan_ingest_decode_errors_total'), { '': 3 });
  assert.deepEqual(await read('kapkan_engine_active_attacks'), { '': 1 });
  assert.deepEqual(await read('kapkan_engine_attacks_total'), { '': 11 });
  assert.deepEqual(await read('kapkan_engine_tracked_hosts'), { '': 7 });
  assert.deepEqual(await read('kapkan_mitigate_announced_routes'), { '{mode="real"}': 1, '{mode="dry_run"}': 3 });
  assert.deepEqual(await read('kapkan_mitigate_flowspec_rules'), { '{mode="real"}': 2, '{mode="dry_run"}': 4 });
  assert.deepEqual(await read('kapkan_mitigate_bans_rejected_total'), { '': 5 });
  daemon.attacks = [];
  daemon.snapshot = { ...daemon.snapshot, flows: { ...daemon.snapshot.flows, netflow5: 901 } };
  assert.deepEqual(await read('kapkan_engine_active_attacks'), { '': 0 });
  assert.equal((await read('kapkan_ingest_flows_total'))['{protocol="netflow5"}'], 901);
});

test('every counter of receiving and accounting is exported', async () => {
  const families = await scrape(new FakeDaemon());
  const expected: Record<string, number> = {
    kapkan_ingest_dropped_datagrams_total: 4,
    kapkan_ingest_replaced_threads_total: 2,
    kapkan_ingest_sequence_gaps_total: 19,
    kapkan_ingest_untrusted_datagrams_total: 5,
    kapkan_ingest_refused_datagrams_total: 6,
    kapkan_engine_evicted_hosts_total: 8,
    kapkan_engine_displaced_hosts_total: 21,
    kapkan_engine_untracked_flows_total: 9,
    kapkan_engine_long_flow_overflow_total: 10,
    kapkan_engine_hosts_without_history_total: 18,
    kapkan_engine_unprotected_flows_total: 11,
    kapkan_engine_unreported_hosts_total: 12,
    kapkan_ingest_sample_overruns_total: 20,
    kapkan_engine_host_table_bytes: 13,
    kapkan_engine_long_flows: 14,
  };
  for (const [name, value] of Object.entries(expected))
    assert.deepEqual(samplesOf(families, name), { '': value }, name);
  for (const name of Object.keys(expected)) assert.notEqual(families.get(name)?.help, '', name);
});

test('the latency histogram is cumulative and ends with everything', async () => {
  assert.deepEqual(samplesOf(await scrape(new FakeDaemon()), 'kapkan_engine_process_latency_seconds'), {
    '_bucket{le="1e-7"}': 100,
    '_bucket{le="0.000001"}': 150,
    '_bucket{le="+Inf"}': 151,
    _sum: 0.00002,
    _count: 151,
  });
});

test('every combination of labels that can be known is there before anything happened', async () => {
  const daemon = new FakeDaemon();
  daemon.snapshot = { ...EMPTY_SNAPSHOT, datagrams: [{ label: 'other', protocol: 'ipfix', count: 0 }] };
  daemon.metrics = async () => ({
    ingest: daemon.snapshot,
    latencyBoundsSeconds: LATENCY_BOUNDS_SECONDS,
    engine: { attacks: 0, attacksOverLimit: 0 },
    mitigation: {
      real: { unicast: 0, flowspec: 0 },
      dryRun: { unicast: 0, flowspec: 0 },
      counters: NOTHING_COUNTED,
    },
    notifications: {},
    storageRows: {},
  });
  const families = await scrape(daemon);
  assert.equal(families.get('kapkan_ingest_flows_total')?.samples.size, 4);
  assert.equal(families.get('kapkan_notify_notifications_total')?.samples.size, 15);
  assert.equal(families.get('kapkan_storage_rows_total')?.samples.size, 9);
  assert.equal(families.get('kapkan_mitigate_announced_routes')?.samples.size, 2);
  assert.equal(families.get('kapkan_mitigate_rejections_total')?.samples.size, 11);
  for (const name of Object.keys(CONTRACT).filter((one) => one !== 'kapkan_engine_active_attacks')) {
    for (const [key, value] of families.get(name)?.samples ?? []) assert.equal(value, 0, key);
  }
});

test('counts by channel, table, guard and event land on their labels', async () => {
  const families = await scrape(new FakeDaemon());
  const notifications = samplesOf(families, 'kapkan_notify_notifications_total');
  assert.equal(notifications['{channel="webhook",result="ok"}'], 12);
  assert.equal(notifications['{channel="webhook",result="error"}'], 1);
  assert.equal(notifications['{channel="slack",result="ok"}'], 0);
  assert.equal(samplesOf(families, 'kapkan_mitigate_rejections_total')['{guard="whitelist"}'], 4);
  assert.equal(samplesOf(families, 'kapkan_mitigate_bans_total')['{event="fell_back"}'], 2);
  assert.equal(samplesOf(families, 'kapkan_storage_rows_total')['{table="audit_events",result="written"}'], 2);
});

test('GoBGP is up or down, with its peers by state and its repairs', async () => {
  const daemon = new FakeDaemon();
  const [gobgp] = daemon.gobgps;
  daemon.gobgps = [gobgp, { ...gobgp, address: 'unix:/run/gobgp', connected: false }];
  const families = await scrape(daemon);
  assert.deepEqual(samplesOf(families, 'kapkan_gobgp_up'), {
    '{address="127.0.0.1:50051"}': 1,
    '{address="unix:/run/gobgp"}': 0,
  });
  const peers = samplesOf(families, 'kapkan_gobgp_peers');
  assert.equal(peers['{address="127.0.0.1:50051",state="established"}'], 1);
  assert.equal(peers['{address="127.0.0.1:50051",state="idle"}'], 0);
  assert.equal(peers['{address="unix:/run/gobgp",state="established"}'], 0);
  assert.equal(samplesOf(families, 'kapkan_gobgp_drift_total')['{address="127.0.0.1:50051",kind="altered"}'], 3);
});

test('routes that wait for GoBGP and routes that no peer was sent are counted separately', async () => {
  const daemon = new FakeDaemon();
  const evidence = { confirmedAt: NOW, pendingSince: undefined, lastError: undefined, notAdvertisedTo: [] };
  daemon.allBans = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((target) => banOf(target));
  daemon.allBans.push(banOf('192.0.2.4', { dryRun: true }), banOf('192.0.2.5', { state: 'withdrawn' }));
  daemon.seen.set('ipv4-unicast 192.0.2.1/32', { ...evidence, installed: true, advertisedTo: ['192.0.2.9'] });
  daemon.seen.set('ipv4-unicast 192.0.2.2/32', { ...evidence, installed: true, advertisedTo: [] });
  const families = await scrape(daemon);
  assert.deepEqual(samplesOf(families, 'kapkan_mitigate_pending_announcements'), { '': 1 });
  assert.deepEqual(samplesOf(families, 'kapkan_mitigate_unsent_announcements'), { '': 1 });
  assert.deepEqual(samplesOf(families, 'kapkan_mitigate_active_bans'), { '{mode="real"}': 3, '{mode="dry_run"}': 1 });
});

test('every metric begins with kapkan_, has a help text, and names no protected address', async () => {
  const daemon = new FakeDaemon();
  const families = await scrape(daemon);
  for (const [name, { help, type }] of families) {
    assert.match(name, /^kapkan_/);
    assert.notEqual(help, '', name);
    assert.equal(name.endsWith('_total'), type === 'counter', `${name} is a ${type}`);
  }
  assert.ok(!(await new Metrics(daemon).exposition()).includes('192.0.2.1'));
  assert.deepEqual(samplesOf(families, 'kapkan_mitigate_flowspec_rules_limit'), { '': 50 });
  assert.deepEqual(samplesOf(families, 'kapkan_build_info'), { [`{version="1.2.3",node="${process.version}"}`]: 1 });
});

test('a cap that is not set is +Inf', async () => {
  const daemon = new FakeDaemon();
  daemon.running = { ...daemon.running, flowspecMaxRules: Number.POSITIVE_INFINITY };
  assert.match(await new Metrics(daemon).exposition(), /^kapkan_mitigate_flowspec_rules_limit \+Inf$/m);
});

test('scrapes at the same time read the daemon once', async () => {
  const daemon = new FakeDaemon();
  let looks = 0;
  const { metrics } = daemon;
  daemon.metrics = () => {
    looks++;
    return metrics.call(daemon);
  };
  const exposition = new Metrics(daemon);
  const texts = await Promise.all([exposition.exposition(), exposition.exposition(), exposition.exposition()]);
  assert.deepEqual([looks, new Set(texts).size], [1, 1]);
  await exposition.exposition();
  assert.equal(looks, 2);
});

test('metrics are served as the Prometheus text format, to anyone', async (t) => {
  const api = await runApi(t);
  const answer = await api.get('/metrics');
  assert.equal(answer.headers.get('Content-Type'), 'text/plain; version=0.0.4; charset=utf-8');
  parseExposition(answer.text);
});

test('promtool finds nothing wrong with them', async (t) => {
  const promtool = requireDaemon(t, 'promtool');
  if (promtool === undefined) return;
  const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], {
    input: await new Metrics(new FakeDaemon()).exposition(),
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout + stderr);
});
