import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointsOf } from '../../src/api/server.ts';
import type { RouteEvidence } from '../../src/mitigation/announcer.ts';
import { banOf, blackhole, flowspec, NOW } from './fakeDaemon.ts';
import { type RunningApi, requestPath, runApi, VIEWER } from './runningApi.ts';

type Row = Record<string, unknown>;

async function rowsOf(api: RunningApi, path: string, list: string): Promise<Row[]> {
  const answer = await api.get(path, VIEWER);
  assert.equal(answer.status, 200, answer.text);
  return answer.json[list] as Row[];
}

function evidenceOf(overrides: Partial<RouteEvidence>): RouteEvidence {
  return {
    installed: true,
    confirmedAt: NOW,
    pendingSince: undefined,
    lastError: undefined,
    advertisedTo: [],
    notAdvertisedTo: [],
    ...overrides,
  };
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

test('status tells mode, scope, limits and surroundings', async (t) => {
  const api = await runApi(t);
  const { json } = await api.get('/api/v1/status', VIEWER);
  assert.deepEqual(json, {
    dry_run: false,
    version: '1.2.3',
    uptime_seconds: 12,
    role: 'viewer',
    unscoped: true,
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
      exporters: 2,
      datagrams: 40,
      flows: 990,
      decode_errors: 3,
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

test('an attack comes with the ban that answers it', async (t) => {
  const api = await runApi(t);
  const [attack] = await rowsOf(api, '/api/v1/attacks', 'active');
  const { sample, ...rest } = attack;
  assert.deepEqual(rest, {
    id: 'attack-192.0.2.130',
    scope: 'host',
    target: '192.0.2.130',
    prefix: '192.0.2.130/32',
    group: 'web',
    direction: 'incoming',
    metric: 'udp_pps',
    rate: 81234.568,
    peak: 90000,
    threshold: 20000,
    rates: { pps: 81300, mbps: 325.2, flows_per_sec: 410, udp_pps: 81234.568, udp_mbps: 324.9 },
    active: true,
    ban_state: 'active',
    method: 'flowspec',
    route:
      'flowspec: dst 192.0.2.130/32 proto udp src-port 123 discard; dst 192.0.2.130/32 proto udp src-port 53 discard',
    flowspec: [123, 53].map((port) => ({
      text: `dst 192.0.2.130/32 proto udp src-port ${port} discard`,
      dst: '192.0.2.130/32',
      proto: 'udp',
      src_port: String(port),
      action: 'discard',
      rate_bytes: 0,
    })),
    dry_run: false,
    started_at: '2026-05-01T11:59:30.000Z',
    classification: { type: 'ntp_amplification', confidence: 0.988, src_port: 123 },
    reason: {
      text: 'udp_pps 81,235 over the limit 20,000 (group web)',
      threshold_source: 'static',
      shares: { tcp: 0, udp: 0.999, icmp: 0, other: 0.001 },
    },
  });
  const top = [{ key: '203.0.113.7', packets: 1000, bytes: 468000 }];
  assert.deepEqual((sample as Row).top_sources, top);
  assert.deepEqual(Object.keys(sample as Row).sort(), [
    'flows',
    'protocols',
    'top_asns',
    'top_dst_ports',
    'top_sources',
    'top_src_ports',
    'total_bytes',
    'total_packets',
  ]);
});

test('an attack that ended still has the group that it had, and an end', async (t) => {
  const api = await runApi(t);
  const [attack] = await rowsOf(api, '/api/v1/attacks', 'recent');
  assert.equal(attack.group, 'web');
  assert.equal(attack.active, false);
  assert.equal(attack.ended_at, '2026-05-01T11:59:59.000Z');
  assert.ok(!('ban_state' in attack) && !('route' in attack));
});

test('the newest ban of an attack is the one that shows with it', async (t) => {
  const api = await runApi(t);
  const attackId = 'attack-192.0.2.130';
  api.daemon.allBans = [
    banOf('192.0.2.130', { attackId, state: 'active' }),
    banOf('192.0.2.130', { attackId, state: 'rejected', routes: [] }),
  ];
  assert.equal((await rowsOf(api, '/api/v1/attacks', 'active'))[0].ban_state, 'active');
  api.daemon.allBans.reverse();
  assert.equal((await rowsOf(api, '/api/v1/attacks', 'active'))[0].ban_state, 'rejected');
});

test('a ban shows its route, its times and where the route is', async (t) => {
  const api = await runApi(t);
  api.daemon.seen.set(
    'ipv4-unicast 192.0.2.10/32',
    evidenceOf({ advertisedTo: ['192.0.2.2'], notAdvertisedTo: [{ peer: '192.0.2.3', why: 'session down' }] }),
  );
  const [ban] = await rowsOf(api, '/api/v1/bans', 'bans');
  assert.deepEqual(ban, {
    id: 'ban-192.0.2.10',
    target: '192.0.2.10',
    prefix: '192.0.2.10/32',
    group: 'global',
    next_hop: '192.0.2.1',
    community: '65535:666 no-export',
    local_pref: 200,
    route: 'blackhole 192.0.2.10/32 next-hop 192.0.2.1 community 65535:666 no-export',
    state: 'active',
    dry_run: false,
    manual: true,
    started_at: '2026-05-01T12:00:00.000Z',
    expires_at: '2026-05-01T12:10:00.000Z',
    reason: '',
    method: 'blackhole',
    flowspec: [],
    comment: 'by hand',
    operator: 'noc',
    rib: {
      installed: true,
      confirmed_at: '2026-05-01T12:00:00.000Z',
      advertised_to: ['192.0.2.2'],
      not_advertised_to: [{ peer: '192.0.2.3', why: 'session down' }],
    },
  });
});

test('the evidence of a ban of several rules is that of the weakest', async (t) => {
  const api = await runApi(t);
  const evidence = async () => (await rowsOf(api, '/api/v1/bans', 'bans'))[1].rib;
  const [first, second] = ['src-port 123', 'src-port 53'].map(
    (rule) => `ipv4-flowspec dst 192.0.2.130/32 proto udp ${rule}`,
  );
  api.daemon.seen.set(first, evidenceOf({ advertisedTo: ['192.0.2.2', '192.0.2.4'] }));
  api.daemon.seen.set(
    second,
    evidenceOf({
      installed: false,
      confirmedAt: undefined,
      pendingSince: NOW - 2000,
      lastError: 'refused',
      advertisedTo: ['192.0.2.2'],
      notAdvertisedTo: [{ peer: '192.0.2.4', why: 'export policy' }],
    }),
  );
  assert.deepEqual(await evidence(), {
    installed: false,
    pending_since: '2026-05-01T11:59:58.000Z',
    last_error: 'refused',
    advertised_to: ['192.0.2.2'],
    not_advertised_to: [{ peer: '192.0.2.4', why: 'export policy' }],
  });
  api.daemon.seen.set(second, evidenceOf({ confirmedAt: NOW - 7000 }));
  assert.deepEqual(await evidence(), {
    installed: true,
    confirmed_at: '2026-05-01T11:59:53.000Z',
    advertised_to: [],
    not_advertised_to: [],
  });
});

test('evidence belongs to the newest ban of a target that was not refused', async (t) => {
  const api = await runApi(t);
  api.daemon.seen.set('ipv4-unicast 192.0.2.10/32', evidenceOf({}));
  api.daemon.allBans = [
    banOf('192.0.2.10', { state: 'rejected', routes: [] }),
    banOf('192.0.2.10', { state: 'withdrawn' }),
    banOf('192.0.2.10', { state: 'withdrawn' }),
  ];
  const bans = await rowsOf(api, '/api/v1/bans', 'bans');
  assert.deepEqual(
    bans.map((ban) => 'rib' in ban),
    [false, true, false],
  );
});

test('a ladder and a fallback show on the ban', async (t) => {
  const api = await runApi(t);
  const plain = banOf('192.0.2.10');
  const ladder = [
    { afterSeconds: 0, action: 'flowspec' as const },
    { afterSeconds: 60, action: 'blackhole' as const },
  ];
  api.daemon.allBans = [
    {
      ...plain,
      escalationStep: 1,
      fellBackFrom: 'flowspec',
      fellBackReason: 'no peer negotiated FlowSpec',
      plan: { ...plain.plan, ladder, collateralShare: 0.0123456 },
    },
  ];
  const [ban] = await rowsOf(api, '/api/v1/bans', 'bans');
  assert.deepEqual(ban.escalation, [
    { after_seconds: 0, action: 'flowspec' },
    { after_seconds: 60, action: 'blackhole' },
  ]);
  assert.equal(ban.escalation_step, 1);
  assert.equal(ban.fell_back_from, 'flowspec');
  assert.equal(ban.fell_back_reason, 'no peer negotiated FlowSpec');
  assert.equal(ban.collateral_share, 0.012);
});

test('hosts carry their rates, and of those in attack which limit', async (t) => {
  const api = await runApi(t);
  assert.deepEqual(await rowsOf(api, '/api/v1/hosts', 'hosts'), [
    {
      target: '192.0.2.130',
      group: 'web',
      rates: { pps: 81300.123, mbps: 325.2, flows_per_sec: 410, udp_pps: 81234, udp_mbps: 324 },
      in_attack: true,
      metric: 'udp_pps',
      direction: 'incoming',
    },
    { target: '2001:db8::5', group: 'global', rates: { pps: 10, mbps: 0.1, flows_per_sec: 1 }, in_attack: false },
  ]);
});

test('hosts are asked for by metric, number and group', async (t) => {
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
    ['sort=udp_pps', /sort: .*"pps"\|"mbps"\|"flows_per_sec"/],
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

test('exporters say how they sample, and what of them could not be read', async (t) => {
  const api = await runApi(t);
  const [first, second] = await rowsOf(api, '/api/v1/exporters', 'exporters');
  assert.deepEqual(first, {
    address: '198.51.100.1',
    protocols: ['netflow5'],
    datagrams: 30,
    flows: 900,
    last_seen: '2026-05-01T12:00:00.000Z',
    sampling: { rate: 1000, source: 'header' },
    sequence_gaps: 2,
    decode_errors: { header_truncated: 3 },
    templates: 0,
    awaiting_template: 0,
    records_without_counters: 0,
    records_without_addresses: 0,
    options_records: 0,
    skipped_samples: 0,
    blind: false,
  });
  assert.ok(second.blind === true && !('sampling' in second));
});

test('peers say what they speak and what they were sent', async (t) => {
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

test('a path that is not there is 404, a method that does not fit is 405 with what does, both in JSON', async (t) => {
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

test('a fault of ours is a 500 with an id, and only the log has the details', async (t) => {
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

test('routes without communities or preference show none', async (t) => {
  const api = await runApi(t);
  const bare = { ...blackhole('192.0.2.10'), communities: [], localPref: undefined };
  api.daemon.allBans = [
    banOf('192.0.2.10', { routes: [bare] }),
    banOf('192.0.2.11', { routes: [flowspec('192.0.2.11', 1)] }),
  ];
  const [unicast, rule] = await rowsOf(api, '/api/v1/bans', 'bans');
  assert.ok(!('community' in unicast) && !('local_pref' in unicast));
  assert.ok(!('next_hop' in rule));
});
