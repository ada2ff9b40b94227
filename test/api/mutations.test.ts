import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { banOf } from './fakeDaemon.ts';
import { type Answer, OPERATOR, type RunningApi, runApi, VIEWER } from './runningApi.ts';

function ban(api: RunningApi, body: unknown): Promise<Answer> {
  return api.post('/api/v1/ban', body, OPERATOR);
}

function auditOf(api: RunningApi): Record<string, unknown>[] {
  return api.logLines.flatMap(({ audit }) => (audit === undefined ? [] : [audit]));
}

test('a ban by hand answers with the ban, in the name of the token', async (t) => {
  const api = await runApi(t);
  const answer = await ban(api, { ip: '192.0.2.10', ttl_seconds: 60, method: 'blackhole', comment: 'ticket 7' });
  assert.equal(answer.status, 200);
  assert.equal(answer.json.target, '192.0.2.10');
  assert.equal(answer.json.operator, 'noc');
  assert.equal(answer.json.state, 'active');
  assert.ok('rib' in answer.json);
  const [{ target: _target, ...asked }] = api.daemon.banRequests;
  assert.deepEqual(asked, {
    ttlSeconds: 60,
    method: 'blackhole',
    match: undefined,
    allowFallback: false,
    comment: 'ticket 7',
    operator: 'noc',
  });
});

test('only the address is needed for a ban; addresses are read in any form', async (t) => {
  const api = await runApi(t);
  for (const [written, canonical] of [
    ['192.0.2.10', '192.0.2.10'],
    ['::ffff:192.0.2.10', '192.0.2.10'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
  ]) {
    assert.equal((await ban(api, { ip: written })).json.target, canonical);
  }
  assert.equal(api.daemon.banRequests[0].method, undefined);
  assert.equal(api.daemon.banRequests[0].ttlSeconds, undefined);
});

test('a match makes it a FlowSpec ban', async (t) => {
  const api = await runApi(t);
  const match = { proto: 'udp', src_port: [53, '100-200'], fragment: false };
  assert.equal((await ban(api, { ip: '192.0.2.10', match })).status, 200);
  const [request] = api.daemon.banRequests;
  assert.equal(request.method, 'flowspec');
  assert.deepEqual(request.match?.protocols, [17]);
  assert.deepEqual(request.match?.sourcePorts, [
    { from: 53, to: 53 },
    { from: 100, to: 200 },
  ]);
  assert.equal(request.match?.destination?.text, '192.0.2.10/32');
});

test('a ban that a safety rule refuses is a 409 that carries it and says why', async (t) => {
  const api = await runApi(t);
  api.daemon.refusal = '192.0.2.10 is whitelisted';
  const answer = await ban(api, { ip: '192.0.2.10' });
  assert.equal(answer.status, 409);
  assert.equal(answer.json.state, 'rejected');
  assert.equal(answer.json.reason, '192.0.2.10 is whitelisted');
  assert.equal(answer.json.error, '192.0.2.10 is whitelisted');
});

test('a malformed ban is a 400 that says what is wrong, and does not reach the daemon', async (t) => {
  const api = await runApi(t);
  const ip = '192.0.2.10';
  for (const [body, message] of [
    [{}, /ip: /],
    [[], /the body: .*object/],
    ['"x"', /the body: .*object/],
    [undefined, /the body: /],
    [{ ip: 7 }, /ip: /],
    [{ ip: 'router1' }, /ip: must be an IPv4 or IPv6 address/],
    [{ ip: '192.0.2.0/24' }, /ip: must be an IPv4 or IPv6 address/],
    [{ ip: '1'.repeat(5000) }, /ip: must be an IPv4 or IPv6 address/],
    [{ ip, ttl_seconds: 0 }, /ttl_seconds: /],
    [{ ip, ttl_seconds: 1.5 }, /ttl_seconds: /],
    [{ ip, ttl_seconds: '60' }, /ttl_seconds: /],
    [{ ip, ttl_seconds: 1e12 }, /ttl_seconds: /],
    [{ ip, method: 'none' }, /method: .*blackhole, flowspec, divert/],
    [{ ip, comment: 'a\nb' }, /comment: must not contain control characters/],
    [{ ip, comment: 'x'.repeat(501) }, /comment: /],
    [
      { ip, tll_seconds: 60 },
      /unknown key "tll_seconds", allowed: ip, ttl_seconds, method, match, allow_fallback, comment/,
    ],
    [{ ip, ttl: 1, foo: 2 }, /unknown key "ttl", "foo"/],
    [`{"ip": "${ip}", "__proto__": {}}`, /unknown key "__proto__"/],
    [{ ip, match: { port: 1 } }, /unknown key "port" in match/],
    [{ ip, match: { proto: 'udp', src_port: 70000 } }, /src_port must be a number from 0 to 65535/],
    [{ ip, match: { proto: 'quic' } }, /match\.proto/],
    [{ ip, match: { src: '2001:db8::/32' } }, /match\.src must be IPv4/],
    [{ ip, match: { proto: 'udp' }, method: 'blackhole' }, /match: only with method "flowspec", not "blackhole"/],
  ] as const) {
    const answer = await ban(api, body);
    assert.equal(answer.status, 400, JSON.stringify(body));
    assert.match(String(answer.json.error), message);
  }
  assert.deepEqual(api.daemon.banRequests, []);
});

test('any JSON that is sent as a ban is answered with a ban or a 400, never with a 500', async (t) => {
  const api = await runApi(t);
  const key = fc.constantFrom(
    'ip',
    'ttl_seconds',
    'method',
    'match',
    'comment',
    'proto',
    'src',
    'src_port',
    'tcp_flags',
  );
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom('192.0.2.1', '2001:db8::1', 'flowspec', 60, 'udp', '!syn'));
  const body = fc.oneof(fc.jsonValue(), fc.dictionary(key, fc.oneof(value, fc.dictionary(key, value))));
  await fc.assert(
    fc.asyncProperty(body, async (json) => {
      assert.ok([200, 400].includes((await ban(api, JSON.stringify(json))).status), JSON.stringify(json));
    }),
    { numRuns: 200 },
  );
});

test('malformed JSON is a 400 that says where', async (t) => {
  const api = await runApi(t);
  const answer = await ban(api, '{"ip": "192.0.2.10",\n "ttl_seconds": 6o}');
  assert.equal(answer.status, 400);
  assert.equal(
    answer.json.error,
    "malformed JSON: Expected ',' or '}' after property value in JSON at position 38 (line 2 column 18)",
  );
});

test('a mutation without application/json is a 415, with or without a body', async (t) => {
  const api = await runApi(t);
  const refused: Record<string, string>[] = [
    {},
    { 'Content-Type': 'text/plain' },
    { 'Content-Type': 'application/x-www-form-urlencoded' },
    { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' },
  ];
  for (const headers of refused) {
    for (const path of ['/api/v1/ban', '/api/v1/unban', '/api/v1/config/reload']) {
      assert.equal((await api.post(path, '{"ip":"192.0.2.10"}', OPERATOR, headers)).status, 415, path);
    }
    assert.equal((await api.post('/api/v1/config/reload', undefined, OPERATOR, headers)).status, 415);
  }
  assert.deepEqual([api.daemon.banRequests, api.daemon.reloads], [[], 0]);
  const charset = { 'Content-Type': 'Application/JSON; charset=utf-8' };
  assert.equal((await api.post('/api/v1/ban', '{"ip":"192.0.2.10"}', OPERATOR, charset)).status, 200);
});

test('unban answers with the ban that ended, or 404', async (t) => {
  const api = await runApi(t);
  const answer = await api.post('/api/v1/unban', { ip: '192.0.2.10' }, OPERATOR);
  assert.deepEqual([answer.status, answer.json.state, answer.json.reason], [200, 'withdrawn', 'unbanned by hand']);
  assert.deepEqual(api.daemon.unbans, [{ target: '192.0.2.10', operator: 'noc' }]);
  const missing = await api.post('/api/v1/unban', { ip: '192.0.2.99' }, OPERATOR);
  assert.deepEqual([missing.status, missing.json], [404, { error: 'no ban of this address is active' }]);
  assert.equal((await api.post('/api/v1/unban', { ip: '192.0.2.10', force: true }, OPERATOR)).status, 400);
});

test('a reload answers with the mode; a refused one is a 400 with every problem', async (t) => {
  const api = await runApi(t);
  for (const body of [undefined, '', '{}']) {
    const answer = await api.post('/api/v1/config/reload', body, OPERATOR);
    assert.deepEqual([answer.status, answer.json], [200, { reloaded: true, dry_run: false }]);
  }
  api.daemon.reloadOutcome = { reloaded: false, errors: ['kapkan.yaml:1:1: listen: may not change', 'and another'] };
  const refused = await api.post('/api/v1/config/reload', {}, OPERATOR);
  assert.equal(refused.status, 400);
  assert.match(String(refused.json.error), /listen: may not change; and another/);
  assert.deepEqual(refused.json.errors, ['kapkan.yaml:1:1: listen: may not change', 'and another']);
});

test('every mutation has a line in the audit log, also the refused ones', async (t) => {
  const api = await runApi(t);
  const target = '192.0.2.10';
  await ban(api, { ip: target });
  api.daemon.refusal = 'whitelisted';
  await ban(api, { ip: target });
  await ban(api, { ip: target, ttl_seconds: -1 });
  await api.post('/api/v1/ban', { ip: target }, VIEWER);
  await api.post('/api/v1/ban', { ip: target }, 'wrong');
  await api.post('/api/v1/unban', { ip: target }, OPERATOR);
  await api.post('/api/v1/config/reload', {}, OPERATOR);
  const rows = auditOf(api).map(({ event_time, ...row }) => {
    assert.match(String(event_time), /^\d{4}-\d\d-\d\dT.*Z$/);
    return row;
  });
  const common = {
    operator: 'noc',
    role: 'operator',
    tenant: '',
    source: 'api',
    client: '127.0.0.1',
    dry_run: false,
  };
  const host = { ...common, target, target_type: 'host', ban_state: '' };
  const { reason: tooShort, ...malformed } = rows[2];
  assert.match(String(tooShort), /ttl_seconds/);
  assert.deepEqual(rows[0], {
    ...host,
    action: 'ban',
    result: 'active',
    reason: '',
    ban_state: 'active',
  });
  assert.deepEqual(rows[1], {
    ...host,
    action: 'ban',
    result: 'rejected',
    reason: 'whitelisted',
    ban_state: 'rejected',
  });
  assert.deepEqual(malformed, { ...host, action: 'ban', result: 'error' });
  assert.deepEqual(rows[3], {
    ...host,
    action: 'ban',
    result: 'error',
    operator: 'grafana',
    role: 'viewer',
    reason: 'this needs the role operator',
  });
  assert.deepEqual([rows[4].operator, rows[4].result], ['', 'error']);
  assert.deepEqual([rows[5].action, rows[5].result, rows[5].ban_state], ['unban', 'withdrawn', 'withdrawn']);
  assert.deepEqual([rows[6].action, rows[6].result, rows[6].target_type], ['config_reload', 'ok', 'config']);
  assert.equal(rows.length, 7);
});

test('no token is ever written to the log', async (t) => {
  const api = await runApi(t);
  await ban(api, { ip: '192.0.2.10' });
  await api.get('/api/v1/status', 'guessed-secret');
  api.daemon.failure = new Error('broken');
  await api.get('/api/v1/status', OPERATOR);
  const log = JSON.stringify(api.logLines);
  for (const secret of [OPERATOR, VIEWER, 'guessed-secret']) assert.ok(!log.includes(secret));
});

test('the evidence of a dry-run ban comes from the dry-run announcer', async (t) => {
  const api = await runApi(t);
  const asked: boolean[] = [];
  const { evidence } = api.daemon;
  api.daemon.evidence = (...args: [string, boolean?]) => {
    asked.push(args[1] ?? false);
    return evidence.call(api.daemon, args[0]);
  };
  api.daemon.allBans = [banOf('192.0.2.10', { dryRun: true }), banOf('192.0.2.11')];
  await api.get('/api/v1/bans', VIEWER);
  assert.deepEqual(asked, [true, false]);
});
