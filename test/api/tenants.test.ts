/*
 * Every endpoint, asked with every kind of token: what status it answers, and that no tenant reads a word about what
 * belongs to another, or to the whole deployment.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointsOf } from '../../src/api/server.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { Attack } from '../../src/engine/attack.ts';
import { NO_SHARES } from '../../src/engine/classification.ts';
import { attackJson } from '../../src/shapes/attackJson.ts';
import { attackOf, banOf, FakeDaemon, NOW } from './fakeDaemon.ts';
import { reportOf } from './reportOf.ts';
import { OPERATOR, type RunningApi, requestPath, runApi, TOKENS, VIEWER } from './runningApi.ts';

const CONFIG = `
dry_run: false
listen: { netflow: "127.0.0.1:2055" }
networks: [192.0.2.0/24, 198.51.100.0/24, 2001:db8::/32]
thresholds: { pps: 100000, mbps: 1000, flows_per_sec: 5000 }
hostgroups:
  - { name: alpha-web, tenant: alpha, networks: [192.0.2.0/25] }
  - { name: alpha-dns, tenant: alpha, networks: ["2001:db8:a::/48"] }
  - { name: beta-web, tenant: beta, networks: [192.0.2.128/25, "2001:db8:b::/48"] }
ban: { ttl_seconds: 600, max_active_bans: 100 }
bgp: { next_hop: 192.0.2.1 }
`;

const ALPHA_HOST = '192.0.2.10';
const BETA_HOST = '192.0.2.200';
const GLOBAL_HOST = '198.51.100.7';
const OUTSIDE = '203.0.113.9';

const SECRET = {
  alphaViewer: 'alpha-viewer-0123456789',
  alphaOperator: 'alpha-operator-0123456789',
  betaViewer: 'beta-viewer-0123456789',
  betaOperator: 'beta-operator-0123456789',
};

const TENANT_TOKENS = [
  ...TOKENS,
  { name: 'alpha-eyes', secret: SECRET.alphaViewer, role: 'viewer', tenant: 'alpha' },
  { name: 'alpha-hands', secret: SECRET.alphaOperator, role: 'operator', tenant: 'alpha' },
  { name: 'beta-eyes', secret: SECRET.betaViewer, role: 'viewer', tenant: 'beta' },
  { name: 'beta-hands', secret: SECRET.betaOperator, role: 'operator', tenant: 'beta' },
] as const;

/** What only an unscoped token may read, wherever it stands in an answer. */
const FOREIGN = {
  alpha: ['beta', '192.0.2.200', '192.0.2.201', '2001:db8:b', '198.51.100', '127.0.0.1:50051', '/etc/kapkan'],
  beta: ['alpha', '192.0.2.10', '192.0.2.11', '2001:db8:a', '198.51.100', '127.0.0.1:50051', '/etc/kapkan'],
};

/** About the whole deployment: no tenant may ask. */
const DEPLOYMENT = [
  '/api/v1/peers',
  '/api/v1/exporters',
  '/api/v1/config/reload',
  '/api/v1/notify/test',
  '/api/v1/pause',
  '/api/v1/resume',
];

const OVER = { text: 'over', thresholdSource: 'static', shares: NO_SHARES } as const;

/** The attack, seen by an exporter that is no tenant's. */
function seenByExporter(attack: Attack): Attack {
  const entry = { packets: 1000, bytes: 468_000 };
  const topExporters = [{ key: '198.51.100.253', ...entry }];
  const topInterfaces = [{ key: '198.51.100.253 17', ...entry }];
  return { ...attack, sample: { ...attack.sample, topExporters, topInterfaces } };
}

function fill(daemon: FakeDaemon): void {
  daemon.running = parseConfig(CONFIG, '/etc/kapkan/kapkan.yaml', {});
  daemon.attacks = [
    attackOf(ALPHA_HOST, { groupName: 'alpha-web', reason: OVER }),
    attackOf(BETA_HOST, { group: 3, groupName: 'beta-web', reason: OVER }),
    attackOf(GLOBAL_HOST, { group: 0, groupName: 'global', reason: OVER }),
  ].map(seenByExporter);
  const over = { active: false, endedAt: NOW - 1000, reason: OVER };
  daemon.ended = [
    attackOf('192.0.2.11', { ...over, groupName: 'alpha-web' }),
    attackOf('192.0.2.201', { ...over, group: 3, groupName: 'beta-web' }),
  ].map(seenByExporter);
  daemon.past = daemon.endedIncidents().map((incident) => ({
    id: incident.attack.id,
    attack: JSON.stringify(attackJson(incident, daemon.running)),
  }));
  daemon.allBans = [
    banOf(ALPHA_HOST, { group: 'alpha-web' }),
    banOf(BETA_HOST, { group: 'beta-web' }),
    banOf(GLOBAL_HOST),
    banOf('192.0.2.11', { group: 'alpha-web', state: 'rejected', ...REFUSAL, routes: [] }),
    banOf('192.0.2.201', { group: 'beta-web', state: 'rejected', ...REFUSAL, routes: [] }),
  ];
  daemon.hostReport = reportOf(NOW, [
    { target: ALPHA_HOST, group: 1, rates: [10] },
    { target: BETA_HOST, group: 3, rates: [9] },
    // As a report from before a reload may say.
    { target: '192.0.2.201', group: 1, rates: [8] },
    { target: '192.0.2.11', group: 3, rates: [7] },
    { target: GLOBAL_HOST, group: 0, rates: [6] },
  ]);
  const peers = { advertisedTo: ['198.51.100.251'], notAdvertisedTo: [{ peer: '198.51.100.252', why: 'down' }] };
  daemon.evidence = () => ({ ...EVIDENCE, ...peers });
}

const EVIDENCE = { installed: true, confirmedAt: NOW, pendingSince: undefined, lastError: '198.51.100.250 said no' };

const REFUSAL = { reason: 'whitelist: it is whitelisted by 198.51.100.0/24', rejectedBy: 'whitelist' } as const;

async function runTenants(t: Parameters<typeof runApi>[0]): Promise<RunningApi> {
  const api = await runApi(t, { tokens: TENANT_TOKENS });
  fill(api.daemon);
  return api;
}

function bodyOf(path: string, ip: string): unknown {
  return path === '/api/v1/ban' || path === '/api/v1/unban' ? { ip } : {};
}

function pathFor(path: string, tenant: string): string {
  if (path === '/api/v1/traffic') return `${path}?group=${tenant}-web`;
  return path.replace('{id}', tenant === 'alpha' ? 'attack-192.0.2.11' : 'attack-192.0.2.201');
}

const ENDPOINTS = endpointsOf(new FakeDaemon()).filter(({ role }) => role !== 'open');

test('every endpoint answers every kind of token as it should', async (t) => {
  const api = await runTenants(t);
  const statusOf = async (method: string, path: string, token: string | undefined, tenant: string) => {
    const ip = tenant === 'alpha' ? ALPHA_HOST : BETA_HOST;
    const answer =
      method === 'GET' ? await api.get(pathFor(path, tenant), token) : await api.post(path, bodyOf(path, ip), token);
    return answer.status;
  };
  for (const { method, path, role } of ENDPOINTS) {
    const forViewer = role === 'viewer' ? 200 : 403;
    const isScoped = !DEPLOYMENT.includes(path);
    assert.equal(await statusOf(method, path, undefined, 'alpha'), 401, `${path} without a token`);
    assert.equal(await statusOf(method, path, 'wrong', 'alpha'), 401, `${path} with a wrong token`);
    assert.equal(await statusOf(method, path, VIEWER, 'alpha'), forViewer, `${path} as viewer`);
    assert.equal(await statusOf(method, path, OPERATOR, 'alpha'), 200, `${path} as operator`);
    for (const tenant of ['alpha', 'beta'] as const) {
      const viewer = await statusOf(method, path, SECRET[`${tenant}Viewer`], tenant);
      assert.equal(viewer, isScoped ? forViewer : 403, `${path} as viewer of ${tenant}`);
      const operator = await statusOf(method, path, SECRET[`${tenant}Operator`], tenant);
      assert.equal(operator, isScoped ? 200 : 403, `${path} as operator of ${tenant}`);
    }
  }
});

test('no answer to a tenant holds anything of another tenant or of the deployment', async (t) => {
  const api = await runTenants(t);
  for (const token of [OPERATOR, SECRET.alphaOperator, SECRET.betaOperator]) {
    for (const ip of [ALPHA_HOST, BETA_HOST, GLOBAL_HOST]) await api.post('/api/v1/ban', { ip }, token);
  }
  api.daemon.refusal = REFUSAL.reason;
  for (const tenant of ['alpha', 'beta'] as const) {
    for (const token of [SECRET[`${tenant}Viewer`], SECRET[`${tenant}Operator`]]) {
      for (const { method, path } of ENDPOINTS) {
        for (const ip of [ALPHA_HOST, BETA_HOST, GLOBAL_HOST]) {
          const own = ip === (tenant === 'alpha' ? ALPHA_HOST : BETA_HOST);
          const query = path === '/api/v1/attacks' && own ? '?limit=10' : '';
          const answer =
            method === 'GET'
              ? await api.get(pathFor(path, tenant) + query, token)
              : await api.post(path, bodyOf(path, ip), token);
          for (const word of FOREIGN[tenant]) {
            assert.ok(!answer.text.includes(word), `${path} tells ${tenant} of ${word}: ${answer.text}`);
          }
        }
      }
    }
  }
});

test('each tenant sees its own rows, and an unscoped token all of them', async (t) => {
  const api = await runTenants(t);
  const targets = async (path: string, list: string, token: string) => {
    const { json } = await api.get(path, token);
    return (json[list] as { target: string }[]).map(({ target }) => target);
  };
  for (const [token, own, past] of [
    [SECRET.alphaViewer, ALPHA_HOST, '192.0.2.11'],
    [SECRET.betaViewer, BETA_HOST, '192.0.2.201'],
  ]) {
    assert.deepEqual(await targets('/api/v1/attacks', 'active', token), [own]);
    assert.deepEqual(await targets('/api/v1/attacks', 'recent', token), [past]);
    assert.deepEqual(await targets('/api/v1/attacks?limit=5', 'recent', token), [past]);
    assert.deepEqual(await targets('/api/v1/bans', 'bans', token), [own, past]);
    assert.deepEqual((await targets('/api/v1/hosts', 'hosts', token)).sort(), [own, past].sort());
  }
  assert.deepEqual(
    api.daemon.hostQueries.map(({ groups }) => groups),
    [[1, 2], [3]],
  );
  assert.equal((await targets('/api/v1/bans', 'bans', VIEWER)).length, 5);
  assert.equal((await targets('/api/v1/attacks', 'active', VIEWER)).length, 3);
  assert.equal((await targets('/api/v1/hosts', 'hosts', VIEWER)).length, 5);
});

test('the status shows a tenant its own groups and nothing else', async (t) => {
  const api = await runTenants(t);
  const { json } = await api.get('/api/v1/status', SECRET.alphaViewer);
  const { hostgroups, ...rest } = json;
  assert.deepEqual(
    (hostgroups as { name: string }[]).map(({ name }) => name),
    ['alpha-web', 'alpha-dns'],
  );
  assert.deepEqual(rest, {
    dry_run: false,
    version: '1.2.3',
    uptime_seconds: 12,
    role: 'viewer',
    unscoped: false,
    tenant: 'alpha',
    paused: false,
    networks: ['192.0.2.0/25', '2001:db8:a::/48'],
    active_attacks: 1,
    active_bans: 1,
  });
});

test('a manual ban names the tenant that requested it, so that its share of the cap can be bounded', async (t) => {
  const api = await runTenants(t);
  assert.equal((await api.post('/api/v1/ban', { ip: ALPHA_HOST }, SECRET.alphaOperator)).status, 200);
  assert.equal(api.daemon.banRequests[0].tenant, 'alpha');
});

test('for other addresses a tenant is refused with the same message, whether or not anything exists', async (t) => {
  const api = await runTenants(t);
  for (const path of ['/api/v1/ban', '/api/v1/unban']) {
    const answers = await Promise.all(
      [BETA_HOST, '192.0.2.222', GLOBAL_HOST, OUTSIDE, '2001:db8:b::1'].map((ip) =>
        api.post(path, { ip }, SECRET.alphaOperator),
      ),
    );
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([403]));
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
  }
  assert.deepEqual([api.daemon.banRequests, api.daemon.unbans], [[], []]);
  for (const query of ['group=beta-web', 'group=nobody']) {
    const { status, text } = await api.get(`/api/v1/hosts?${query}`, SECRET.alphaViewer);
    assert.deepEqual([status, text.includes('beta')], [403, false]);
  }
  for (const query of [`target=${BETA_HOST}`, `target=${OUTSIDE}`, 'group=beta-web', 'group=nobody', 'group=global']) {
    assert.equal((await api.get(`/api/v1/traffic?${query}`, SECRET.alphaViewer)).status, 403, query);
  }
});

test('a tenant cannot find out what is whitelisted by naming sources', async (t) => {
  const api = await runTenants(t);
  const match = { proto: 'udp', src: '198.51.100.7/32' };
  const { status, json } = await api.post('/api/v1/ban', { ip: ALPHA_HOST, match }, SECRET.alphaOperator);
  assert.deepEqual([status, json.error], [403, 'match.src: not for a token with a tenant']);
  assert.deepEqual(api.daemon.banRequests, []);
  const own = { ip: ALPHA_HOST, match: { proto: 'udp' } };
  assert.equal((await api.post('/api/v1/ban', own, SECRET.alphaOperator)).status, 200);
  assert.equal((await api.post('/api/v1/ban', { ip: ALPHA_HOST, match }, OPERATOR)).status, 200);
});

test('an address that moved to another tenant does not show its past to it', async (t) => {
  const api = await runTenants(t);
  await api.post('/api/v1/ban', { ip: ALPHA_HOST }, OPERATOR);
  await api.post('/api/v1/ban', { ip: ALPHA_HOST, comment: 'of alpha' }, SECRET.alphaOperator);
  const moved = CONFIG.replace('[192.0.2.0/25]', '[192.0.2.64/26]').replace(
    '192.0.2.128/25',
    '192.0.2.128/25, 192.0.2.0/26',
  );
  api.daemon.running = parseConfig(moved, '/etc/kapkan/kapkan.yaml', {});
  const beta = SECRET.betaOperator;
  assert.deepEqual((await api.get('/api/v1/audit', beta)).json.events, []);
  const { bans } = (await api.get('/api/v1/bans', beta)).json as { bans: Record<string, unknown>[] };
  assert.deepEqual(
    bans.map(({ target, group, comment, operator }) => [target, group, comment, operator]),
    [
      [ALPHA_HOST, 'beta-web', undefined, undefined],
      [BETA_HOST, 'beta-web', 'by hand', 'noc'],
      ['192.0.2.201', 'beta-web', 'by hand', 'noc'],
    ],
    'what is still active is seen, without what was said of it; what is over is not',
  );
  const { recent } = (await api.get('/api/v1/attacks', beta)).json as { recent: { target: string }[] };
  assert.deepEqual(
    recent.map(({ target }) => target),
    ['192.0.2.201'],
  );
  assert.equal((await api.post('/api/v1/unban', { ip: ALPHA_HOST }, SECRET.alphaOperator)).status, 403);
  assert.equal((await api.post('/api/v1/unban', { ip: ALPHA_HOST }, beta)).status, 200);
});

test('the tenant of the group global owns what no other group does, and nothing outside the networks', async (t) => {
  const api = await runTenants(t);
  api.daemon.running = parseConfig(`${CONFIG}\ntenant: alpha\n`, '/etc/kapkan/kapkan.yaml', {});
  assert.equal((await api.post('/api/v1/ban', { ip: GLOBAL_HOST }, SECRET.alphaOperator)).status, 200);
  assert.equal((await api.post('/api/v1/ban', { ip: OUTSIDE }, SECRET.alphaOperator)).status, 403);
  assert.equal((await api.post('/api/v1/ban', { ip: BETA_HOST }, SECRET.alphaOperator)).status, 403);
  const { json } = await api.get('/api/v1/status', SECRET.alphaViewer);
  assert.ok('thresholds' in json && !('bgp' in json));
  assert.equal((await api.get(requestPath('/api/v1/hosts?group=global'), SECRET.betaViewer)).status, 403);
});
