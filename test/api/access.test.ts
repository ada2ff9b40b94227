import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { Authenticator } from '../../src/api/authenticator.ts';
import { ApiServer, endpointsOf } from '../../src/api/server.ts';
import type { ApiToken } from '../../src/config/sections/api.ts';
import { silentLogger } from '../fixtures/silentLogger.ts';
import { FakeDaemon } from './fakeDaemon.ts';
import { OPERATOR, type RunningApi, requestPath, runApi, TOKENS, VIEWER } from './runningApi.ts';

/** A request that would be fine for every mutation that has a body. */
const BODY: Record<string, unknown> = {
  '/api/v1/ban': { ip: '192.0.2.10' },
  '/api/v1/unban': { ip: '192.0.2.10' },
  '/api/v1/config/reload': {},
  '/api/v1/pause': {},
  '/api/v1/resume': {},
};

const ENDPOINTS = endpointsOf(new FakeDaemon());

async function call(api: RunningApi, method: string, path: string, token?: string): Promise<number> {
  return (method === 'GET' ? await api.get(requestPath(path), token) : await api.post(path, BODY[path], token)).status;
}

test('every endpoint needs a valid token of the right role; only healthz and metrics are open', async (t) => {
  const api = await runApi(t);
  for (const { method, path, role } of ENDPOINTS) {
    const open = role === 'open';
    assert.equal(await call(api, method, path), open ? 200 : 401, `${path} without a token`);
    assert.equal(await call(api, method, path, 'wrong'), open ? 200 : 401, `${path} with a wrong token`);
    assert.equal(await call(api, method, path, VIEWER), role === 'operator' ? 403 : 200, `${path} as viewer`);
    assert.equal(await call(api, method, path, OPERATOR), 200, `${path} as operator`);
  }
  assert.deepEqual(
    ENDPOINTS.filter(({ role }) => role === 'open').map(({ path }) => path),
    ['/healthz', '/metrics'],
  );
});

test('a request that is not admitted changes nothing', async (t) => {
  const api = await runApi(t);
  for (const token of [undefined, 'wrong', VIEWER]) {
    for (const [path, body] of Object.entries(BODY)) await api.post(path, body, token);
  }
  assert.deepEqual([api.daemon.banRequests, api.daemon.unbans, api.daemon.reloads], [[], [], 0]);
});

test('a 401 says which scheme is wanted', async (t) => {
  const api = await runApi(t);
  const answer = await api.get('/api/v1/status');
  assert.equal(answer.headers.get('WWW-Authenticate'), 'Bearer realm="kapkan"');
  assert.deepEqual(answer.json, { error: 'a valid bearer token is needed' });
});

test('while the daemon starts, healthz says so, metrics answer and everything else is 503', async (t) => {
  const api = await runApi(t);
  api.daemon.isReady = false;
  const health = await api.get('/healthz');
  assert.deepEqual([health.status, health.text], [503, 'starting']);
  assert.equal((await api.get('/metrics')).status, 200);
  for (const { method, path, role } of ENDPOINTS) {
    if (role !== 'open') assert.equal(await call(api, method, path, OPERATOR), 503, path);
  }
  api.daemon.isReady = true;
  const ready = await api.get('/healthz');
  assert.deepEqual(
    [ready.status, ready.text, ready.headers.get('Content-Type')],
    [200, 'ok', 'text/plain; charset=utf-8'],
  );
});

test('the tokens of a reload apply at once', async (t) => {
  const api = await runApi(t);
  api.server.setTokens([{ name: 'new', secret: 'brand-new', role: 'viewer', tenant: undefined }], false);
  assert.equal((await api.get('/api/v1/bans', OPERATOR)).status, 401);
  assert.equal((await api.get('/api/v1/bans', 'brand-new')).status, 200);
  assert.equal((await api.post('/api/v1/ban', BODY['/api/v1/ban'], 'brand-new')).status, 403);
});

test('a listener beyond loopback needs tokens, unless the config allows it without', () => {
  const audit = { record: () => undefined };
  const clock = { now: () => 0 };
  const options = { tokens: [], allowUnauthenticated: false, logger: silentLogger(), audit, clock };
  const beyond = { host: '0.0.0.0', port: 0 };
  assert.throws(() => new ApiServer(new FakeDaemon(), { ...options, listen: beyond }), /needs a token/);
  new ApiServer(new FakeDaemon(), { ...options, listen: beyond, allowUnauthenticated: true });
  const guarded = new ApiServer(new FakeDaemon(), { ...options, listen: beyond, tokens: TOKENS });
  assert.throws(() => guarded.setTokens([], false), /needs a token/);
  guarded.setTokens([], true);
});

test('without tokens, every client on this machine is an operator', async (t) => {
  const api = await runApi(t, { tokens: [] });
  assert.equal((await api.get('/api/v1/status')).json.role, 'operator');
  assert.equal((await api.post('/api/v1/ban', { ip: '192.0.2.10' })).status, 200);
  assert.equal(api.daemon.banRequests[0].operator, 'anonymous');
});

test('without tokens, a web page that points its own name at loopback is refused', async (t) => {
  const api = await runApi(t, { tokens: [] });
  const statusFor = (host: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const asked = request({ port: api.port, host: '127.0.0.1', path: '/api/v1/bans', headers: { Host: host } });
      asked.on('response', (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      asked.on('error', reject).end();
    });
  assert.equal(await statusFor('evil.example:8080'), 403);
  assert.equal(await statusFor(`localhost:${api.port}`), 200);
  assert.equal(await statusFor(`[::1]:${api.port}`), 200);
});

test('only a whole and well-formed bearer header is a token', () => {
  const authenticator = new Authenticator(TOKENS, false);
  assert.deepEqual(authenticator.principalOf(`Bearer ${VIEWER}`), {
    name: 'grafana',
    role: 'viewer',
    tenant: undefined,
  });
  assert.deepEqual(authenticator.principalOf(`bearer  ${OPERATOR} `), {
    name: 'noc',
    role: 'operator',
    tenant: undefined,
  });
  for (const header of [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    VIEWER,
    `Basic ${VIEWER}`,
    `Bearer ${VIEWER} ${OPERATOR}`,
    `Bearer ${VIEWER}x`,
    `Bearer ${VIEWER.slice(0, -1)}`,
  ]) {
    assert.equal(authenticator.principalOf(header), undefined, String(header));
  }
});

test('a secret shared by tokens of different role or tenant is refused, one shared by equal tokens is not', () => {
  const shared = (...rights: Pick<ApiToken, 'role' | 'tenant'>[]) =>
    new Authenticator(
      rights.map((right, i) => ({ name: `t${i}`, secret: 'same', ...right })),
      false,
    ).principalOf('Bearer same');
  const viewer = { role: 'viewer', tenant: undefined } as const;
  assert.equal(shared(viewer, { ...viewer, role: 'operator' }), undefined);
  assert.equal(shared(viewer, { ...viewer, tenant: 'a' }), undefined);
  assert.equal(shared({ ...viewer, tenant: 'b' }, { ...viewer, tenant: 'a' }), undefined);
  assert.deepEqual(shared({ ...viewer, tenant: 'a' }, { ...viewer, tenant: 'a' }), {
    name: 't0',
    role: 'viewer',
    tenant: 'a',
  });
});
