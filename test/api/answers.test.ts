import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointsOf } from '../../src/api/server.ts';
import { type RunningApi, requestPath, runApi, VIEWER } from './runningApi.ts';

type Row = Record<string, unknown>;

async function rowsOf(api: RunningApi, path: string, list: string): Promise<Row[]> {
  const answer = await api.get(path, VIEWER);
  assert.equal(answer.status, 200, answer.text);
  return answer.json[list] as Row[];
}

test('every answer holds exactly what its schema names, and nothing that is null', async (t) => {
  const api = await runApi(t);
  for (const { method, path, role, textType, answers } of endpointsOf(api.daemon)) {
    if (method !== 'GET' || textType !== undefined || role === 'open') continue;
    const { json } = await api.get(requestPath(path), VIEWER);
    // Parsing drops what the schema does not know.
    assert.deepEqual(answers[200].schema.parse(json), json, path);
    if (!path.endsWith('openapi.json')) assert.ok(!JSON.stringify(json).includes(':null'), path);
  }
});

test('the status has mode, scope, limits, GoBGP and telemetry', async (t) => {
  const api = await runApi(t);
  const { json } = await api.get('/api/v1/status', VIEWER);
  assert.deepEqual(json, {
    dry_run: false,
    version: '1.2.3',
    uptime_seconds: 12,
    role: 'viewer',
    unscoped: true,
    paused: false,
    networks: ['192.0.2.0/24', '2001:db8::/32'],
    active_attacks: 1,
    active_bans: 2,
    thresholds: { pps: 100000, mbps: 1000, flows_per_sec: 5000 },
    hostgroups: [
      {
        name: 'web',
        networks: ['192.0.2.128/25'],
        thresholds: { pps: 100000, mbps: 1000, flows_per_sec: 5000, udp_pps: 20000 },
        mitigation: 'flowspec',
        escalation: [],
        ban: { ttl_seconds: 600, unban_hysteresis_seconds: 60, fallback: 'blackhole' },
      },
    ],
    bgp: { next_hop: '192.0.2.1', next_hop6: '100::1', communities: ['65535:666'] },
    gobgp: {
      address: '127.0.0.1:50051',
      api: 'v3',
      connected: true,
      peers: [{ address: '192.0.2.2', asn: 65001, state: 'established' }],
      daemons: [
        {
          address: '127.0.0.1:50051',
          api: 'v3',
          connected: true,
          peers: [{ address: '192.0.2.2', asn: 65001, state: 'established' }],
        },
      ],
    },
    notify: {
      channels: ['email', 'webhook'],
      queued: 2,
      errors: [{ channel: 'webhook', error: 'hook.example.net answered 500' }],
    },
    storage: { path: '/etc/kapkan/kapkan-state' },
    ingest: {
      netflow: ['127.0.0.1:2055', '[::1]:2055'],
      sflow: ['127.0.0.1:6343'],
      workers: 1,
      receive: 'recvmmsg',
      exporters: 2,
      datagrams: 40,
      flows: 990,
      decode_errors: 3,
      dropped_datagrams: 4,
      tracked_hosts: 7,
      unprotected_flows: 11,
      unreported_hosts: 12,
    },
  });
});

test('with several GoBGP daemons, connected means all of them', async (t) => {
  const api = await runApi(t);
  const [first] = api.daemon.gobgps;
  api.daemon.gobgps = [
    first,
    { ...first, address: 'unix:/run/gobgp', api: undefined, connected: false, lastError: 'refused' },
  ];
  const { gobgp } = (await api.get('/api/v1/status', VIEWER)).json as { gobgp: Row };
  assert.equal(gobgp.connected, false);
  assert.equal(gobgp.address, '127.0.0.1:50051, unix:/run/gobgp');
  assert.equal(gobgp.last_error, 'refused');
});

test('hosts have their rates, and those under attack the limit that was crossed', async (t) => {
  const api = await runApi(t);
  assert.deepEqual(await rowsOf(api, '/api/v1/hosts', 'hosts'), [
    {
      target: '192.0.2.130',
      group: 'web',
      rates: { pps: 81300.123, mbps: 325.2, flows_per_sec: 410, udp_pps: 81234, udp_mbps: 324 },
      rate_error: { pps: 3.92, mbps: 3.92 },
      in_attack: true,
      metric: 'udp_pps',
      direction: 'incoming',
    },
    {
      target: '2001:db8::5',
      group: 'global',
      rates: { pps: 10, mbps: 0.1, flows_per_sec: 1 },
      rate_error: { pps: 3.92, mbps: 3.92 },
      in_attack: false,
    },
  ]);
});

test('hosts are requested by metric, number and group', async (t) => {
  const api = await runApi(t);
  for (const query of ['', '?limit=10000&sort=flows_per_sec', '?group=web&sort=mbps&limit=1', '?group=global']) {
    assert.equal((await api.get(`/api/v1/hosts${query}`, VIEWER)).status, 200, query);
  }
  assert.deepEqual(api.daemon.hostQueries, [
    { metric: 'pps', limit: 100, groups: undefined },
    { metric: 'flows_per_sec', limit: 10000, groups: undefined },
    { metric: 'mbps', limit: 1, groups: [1] },
    { metric: 'pps', limit: 100, groups: [0] },
  ]);
});

test('a query parameter that is wrong or unknown is a 400 that names what is allowed', async (t) => {
  const api = await runApi(t);
  for (const [query, message] of [
    ['limit=0', /limit: must be from 1 to 10000/],
    ['limit=10001', /limit: must be from 1 to 10000/],
    ['limit=ten', /limit: must be a number from 1 to 10000/],
    ['limit=', /limit: must be from 1 to 10000/],
    ['limit=1&limit=2', /limit: must be a number/],
    ['limit=1.5', /limit/],
    ['sort=udp_pps', /sort: .*pps, mbps, flows_per_sec/],
    ['group=nobody', /group: must be one of global, web/],
    ['top=5', /unknown query parameter "top", allowed: limit, sort, group/],
    ['__proto__=1', /unknown query parameter "__proto__"/],
  ] as const) {
    const answer = await api.get(`/api/v1/hosts?${query}`, VIEWER);
    assert.equal(answer.status, 400, query);
    assert.match(String(answer.json.error), message);
  }
  assert.equal((await api.get('/api/v1/bans?state=active', VIEWER)).status, 400);
  assert.deepEqual(api.daemon.hostQueries, []);
});

test('an exporter has its sampling rate and the errors of its telemetry', async (t) => {
  const api = await runApi(t);
  const [first, second] = await rowsOf(api, '/api/v1/exporters', 'exporters');
  assert.deepEqual(first, {
    address: '198.51.100.1',
    protocols: ['netflow5'],
    datagrams: 30,
    flows: 900,
    not_at_border: 300,
    duplicates: {
      checked_flows: 200,
      by_direction: 0,
      with: [{ exporter: '2001:db8:ffff::1', share: 0.75 }],
      advice:
        'its traffic counts more than once: name its interfaces to transit and peers in sampling.boundary: ' +
        '[{ exporter: "198.51.100.1", external_ifindexes: [...] }], or stop the export of routers that are not at the border',
    },
    last_seen: '2026-05-01T12:00:00.000Z',
    sampling: { rate: 1000, source: 'header' },
    sequence_gaps: 2,
    decode_errors: { header_truncated: 3 },
    doubts: { counters: 4 },
    active_timeout: { seconds: 60, source: 'learned' },
    restarts: 1,
    templates: 0,
    awaiting_template: 0,
    records_without_counters: 0,
    records_without_addresses: 0,
    options_records: 0,
    skipped_samples: 0,
    blind: false,
  });
  assert.ok(second.blind === true && !('sampling' in second) && !('duplicates' in second));
});

test('a peer has its families and the number of routes it was sent', async (t) => {
  const api = await runApi(t);
  assert.deepEqual(await rowsOf(api, '/api/v1/peers', 'peers'), [
    {
      address: '192.0.2.2',
      asn: 65001,
      state: 'established',
      uptime_seconds: 3600,
      families: ['ipv4-unicast', 'ipv4-flowspec'],
      route_server_client: false,
      advertised: { 'ipv4-unicast': 1, 'ipv6-unicast': 0, 'ipv4-flowspec': 1, 'ipv6-flowspec': 0 },
      gobgp: '127.0.0.1:50051',
    },
  ]);
});

test('an unknown path is 404, a wrong method is 405 with the allowed ones, both in JSON', async (t) => {
  const api = await runApi(t);
  for (const path of ['/', '/api', '/api/v1/nothing', '/api/v1/attacks/', '/api/v1/%E0%A4%A', '/metrics/../x']) {
    const answer = await api.get(path, VIEWER);
    assert.equal(answer.status, path === '/api/v1/attacks/' ? 200 : 404, path);
    if (answer.status === 404) assert.equal(typeof answer.json.error, 'string', path);
  }
  const posted = await api.post('/api/v1/attacks', {}, VIEWER);
  assert.deepEqual([posted.status, posted.headers.get('Allow')], [405, 'HEAD, GET']);
  assert.match(String(posted.json.error), /POST is not allowed here, only HEAD, GET/);
  const got = await api.get('/api/v1/ban', VIEWER);
  assert.deepEqual([got.status, got.headers.get('Allow')], [405, 'POST']);
});

test('a bug is a 500 with an id, and only the log has the details', async (t) => {
  const api = await runApi(t);
  api.daemon.failure = new Error('the secret plumbing leaks');
  const answer = await api.get('/api/v1/status', VIEWER);
  assert.equal(answer.status, 500);
  assert.ok(!answer.text.includes('plumbing'));
  const line = api.logLines.find(({ id }) => id === answer.json.id);
  assert.match(JSON.stringify(line), /plumbing leaks/);
});

test('answers carry headers that keep browsers from doing anything with them', async (t) => {
  const api = await runApi(t);
  for (const path of ['/api/v1/bans', '/healthz', '/nothing']) {
    const { headers } = await api.get(path, VIEWER);
    assert.equal(headers.get('X-Content-Type-Options'), 'nosniff', path);
    assert.equal(headers.get('Cache-Control'), 'no-store', path);
    assert.equal(headers.get('X-Frame-Options'), 'DENY', path);
    assert.match(headers.get('Content-Security-Policy') ?? '', /default-src 'none'/);
    assert.equal(headers.get('Access-Control-Allow-Origin'), null);
  }
});
