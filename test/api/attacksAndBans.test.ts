import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouteEvidence } from '../../src/mitigation/announcer.ts';
import { banOf, blackhole, flowspec, NOW } from './fakeDaemon.ts';
import { type RunningApi, runApi, VIEWER } from './runningApi.ts';

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
    rate_error: 812.346,
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
  assert.deepEqual((sample as Row).top_exporters, [{ key: '192.0.2.1', packets: 1000, bytes: 468000 }]);
  assert.deepEqual((sample as Row).top_interfaces, [{ key: '192.0.2.1 17', packets: 1000, bytes: 468000 }]);
  assert.deepEqual(Object.keys(sample as Row).sort(), [
    'flows',
    'protocols',
    'top_asns',
    'top_dst_ports',
    'top_exporters',
    'top_interfaces',
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

test('an attack is shown with its newest ban', async (t) => {
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
