import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Authenticator, LoginGate } from '../../src/api/authenticator.ts';
import { KnownAddresses } from '../../src/api/connections.ts';
import { FailureLimiter } from '../../src/api/failureLimiter.ts';
import { ApiClient } from '../../src/cli/client/apiClient.ts';
import { parseConfig } from '../../src/config/load.ts';
import { silentLogger } from '../fixtures/silentLogger.ts';
import { OPERATOR, type RunningApi, runApi, TOKENS, VIEWER } from './runningApi.ts';

const HOST = '192.0.2.130';
const CONFIG = `
listen: { netflow: "127.0.0.1:2055" }
networks: [192.0.2.0/24]
thresholds: { pps: 100000, mbps: 1000, flows_per_sec: 5000 }
hostgroups: [{ name: web, tenant: alpha, networks: [192.0.2.128/25] }]
ban: { ttl_seconds: 600, max_active_bans: 100 }
`;

async function eventsOf(api: RunningApi, query = '', token = OPERATOR): Promise<Record<string, unknown>[]> {
  const { status, json, text } = await api.get(`/api/v1/audit${query}`, token);
  assert.equal(status, 200, text);
  return json.events as Record<string, unknown>[];
}

test('every attempt to change something is a row with its operator, target, result and reason', async (t) => {
  const api = await runApi(t, {
    tokens: [...TOKENS, { name: 'alpha-hands', secret: 'alpha-secret', role: 'operator', tenant: 'alpha' }],
  });
  api.daemon.running = parseConfig(CONFIG, '/etc/kapkan/kapkan.yaml', {});
  await api.post('/api/v1/ban', { ip: HOST }, OPERATOR);
  await api.post('/api/v1/ban', { ip: HOST }, VIEWER);
  await api.post('/api/v1/ban', { ip: HOST }, 'wrong');
  await api.post('/api/v1/ban', { ip: HOST });
  await api.post('/api/v1/ban', { ip: HOST, ttl_seconds: 0 }, OPERATOR);
  await api.post('/api/v1/ban', '{}', OPERATOR, { 'Content-Type': 'text/plain' });
  await api.post('/api/v1/unban', { ip: '192.0.2.99' }, OPERATOR);
  await api.post('/api/v1/ban', { ip: '192.0.2.1' }, 'alpha-secret');
  await api.post('/api/v1/config/reload', {}, 'alpha-secret');
  const rows = (await eventsOf(api)).reverse();
  assert.deepEqual(
    rows.map(({ action, result, operator, role, tenant, target }) => [action, result, operator, role, tenant, target]),
    [
      ['ban', 'active', 'noc', 'operator', 'alpha', HOST],
      ['ban', 'error', 'grafana', 'viewer', 'alpha', HOST],
      ['ban', 'error', '', '', '', ''],
      ['ban', 'error', '', '', '', ''],
      ['ban', 'error', 'noc', 'operator', 'alpha', HOST],
      ['ban', 'error', 'noc', 'operator', '', ''],
      ['unban', 'error', 'noc', 'operator', '', '192.0.2.99'],
      ['ban', 'error', 'alpha-hands', 'operator', 'alpha', '192.0.2.1'],
      ['config_reload', 'error', 'alpha-hands', 'operator', 'alpha', ''],
    ],
  );
  for (const { reason, result } of rows) assert.equal(reason !== '', result === 'error');
  const own = await eventsOf(api, '', 'alpha-secret');
  assert.deepEqual(
    own.map(({ action, operator, target }) => [action, operator, target]),
    [
      ['config_reload', 'alpha-hands', ''],
      ['ban', 'noc', HOST],
      ['ban', 'grafana', HOST],
      ['ban', 'noc', HOST],
    ],
  );
});

test("a change by Kapkan's own commands is distinguished from one by another program", async (t) => {
  const api = await runApi(t);
  await api.post('/api/v1/ban', { ip: HOST }, OPERATOR);
  await new ApiClient(new URL(api.url), OPERATOR).post('api/v1/ban', { ip: HOST });
  assert.deepEqual(
    (await eventsOf(api)).map(({ source }) => source),
    ['cli', 'api'],
  );
});

test('the audit is queried by time, action and address, and read page by page', async (t) => {
  const api = await runApi(t);
  for (let i = 0; i < 5; i++) await api.post('/api/v1/ban', { ip: `192.0.2.${i}` }, OPERATOR);
  await api.post('/api/v1/config/reload', {}, OPERATOR);
  const first = await api.get('/api/v1/audit?action=ban&limit=3', OPERATOR);
  const second = await api.get(`/api/v1/audit?action=ban&limit=3&cursor=${first.json.next_cursor}`, OPERATOR);
  const targets = [...(first.json.events as []), ...(second.json.events as [])].map(({ target }) => target);
  assert.deepEqual(targets, ['192.0.2.4', '192.0.2.3', '192.0.2.2', '192.0.2.1', '192.0.2.0']);
  assert.ok(!('next_cursor' in second.json));
  assert.equal((await eventsOf(api, '?target=192.0.2.3')).length, 1);
  assert.equal((await eventsOf(api, '?to=2001-01-01T00:00:00Z')).length, 0);
  assert.equal((await eventsOf(api, '?from=2001-01-01T00:00:00Z')).length, 6);
  for (const query of ['from=yesterday', 'action=dance', 'target=router', 'limit=0', 'cursor=x', 'page=2']) {
    assert.equal((await api.get(`/api/v1/audit?${query}`, OPERATOR)).status, 400, query);
  }
});

test('an address that guesses tokens has to wait, a valid token from it is still accepted, and both are logged once', async (t) => {
  const api = await runApi(t);
  assert.equal((await api.get('/api/v1/bans', OPERATOR)).status, 200);
  const statuses: number[] = [];
  for (let i = 0; i < 70; i++) statuses.push((await api.get('/api/v1/bans', `guess-${i}`)).status);
  assert.deepEqual(new Set(statuses.slice(0, 60)), new Set([401]));
  assert.ok(statuses.includes(429));
  const held = await api.get('/api/v1/bans', 'guess');
  assert.deepEqual([held.status, held.headers.get('Retry-After')], [429, '60']);
  assert.equal((await api.get('/api/v1/bans', VIEWER)).status, 200, 'also one that was never seen before');
  assert.equal((await api.get('/api/v1/bans', OPERATOR)).status, 200);
  assert.equal((await api.get('/api/v1/bans')).status, 401, 'who presents no token guesses nothing');
  const told = api.logLines.filter(({ msg }) => /login/.test(String(msg)));
  assert.deepEqual(
    told.map(({ client }) => client),
    ['127.0.0.1', '127.0.0.1'],
  );
});

test('requests without a token cannot push other rows out of the audit', async (t) => {
  const api = await runApi(t);
  for (let i = 0; i < 100; i++) await api.post('/api/v1/ban', { ip: HOST });
  const rows = await eventsOf(api, '?limit=1000');
  assert.ok(rows.length >= 60 && rows.length < 70, String(rows.length));
  assert.equal(rows.filter(({ reason }) => /only one such request a second/.test(String(reason))).length, 1);
  await api.post('/api/v1/ban', { ip: HOST }, OPERATOR);
  assert.equal((await eventsOf(api))[0].operator, 'noc');
});

test('a source that stops failing is accepted again, and other sources are not limited with it', () => {
  const limiter = new FailureLimiter();
  const verdicts = Array.from({ length: 61 }, () => limiter.fail('192.0.2.1', 0));
  assert.deepEqual([verdicts[0], verdicts[59], verdicts[60]], ['first', 'last', 'spent']);
  assert.equal(limiter.fail('192.0.2.1', 999), 'spent');
  assert.equal(limiter.fail('192.0.2.1', 2000), 'more');
  assert.equal(limiter.fail('192.0.2.1', 100_000), 'first');
  assert.equal(limiter.fail('192.0.2.2', 0), 'first');
});

test('an IPv6 host is one source with any address of its /64', () => {
  const limiter = new FailureLimiter();
  for (let i = 0; i < 60; i++) limiter.fail(`2001:db8::${i.toString(16)}`, 0);
  assert.equal(limiter.fail('2001:db8::ffff', 0), 'spent');
  assert.equal(limiter.fail('2001:db8:0:1::1', 0), 'first');
});

test('a removed token is refused, also where it was valid before', () => {
  const gate = new LoginGate({ clock: { now: () => 0 }, logger: silentLogger(), known: new KnownAddresses() });
  const header = `Bearer ${VIEWER}`;
  gate.admit(new Authenticator(TOKENS, false), header, '192.0.2.1');
  const without = new Authenticator(TOKENS.slice(1), false);
  assert.throws(() => gate.admit(without, header, '192.0.2.1'), /valid bearer token/);
});
