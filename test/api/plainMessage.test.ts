import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATOR, runApi, VIEWER } from './runningApi.ts';

const HOST = { ip: '192.0.2.10' };

const BODIES: readonly (readonly [body: unknown, message: string])[] = [
  [{ ip: 5 }, 'ip: must be text, got 5'],
  [{}, 'ip: is missing, it must be text'],
  [[], 'the body: must be an object'],
  [{ ip: 'router' }, 'ip: must be an IPv4 or IPv6 address'],
  [{ ...HOST, ttl_seconds: -1 }, 'ttl_seconds: must be at least 1, got -1'],
  [{ ...HOST, ttl_seconds: 1.5 }, 'ttl_seconds: must be a whole number, got 1.5'],
  [{ ...HOST, ttl_seconds: '5' }, 'ttl_seconds: must be a number, got "5"'],
  [{ ...HOST, method: 'none' }, 'method: must be one of blackhole, flowspec, divert, got "none"'],
  [{ ...HOST, match: { proto: {} } }, 'match.proto: must be text or a number or a list'],
  [{ ...HOST, match: { tcp_flags: [3] } }, 'match.tcp_flags: must be text or a list of them'],
  [{ ...HOST, allow_fallback: 1 }, 'allow_fallback: must be true or false, got 1'],
];

test('the message for a wrong body is in plain words', async (t) => {
  const api = await runApi(t);
  for (const [body, message] of BODIES) {
    const { status, json } = await api.post('/api/v1/ban', JSON.stringify(body), OPERATOR);
    assert.deepEqual([status, json.error], [400, message]);
  }
  const long = await api.post('/api/v1/ban', { ...HOST, comment: 'x'.repeat(600) }, OPERATOR);
  assert.match(String(long.json.error), /^comment: must have at most 500 characters, got "x{63}…$/);
});

test('the message for a wrong query parameter is in plain words', async (t) => {
  const api = await runApi(t);
  for (const [query, message] of [
    ['hosts?sort=packets', /^sort: must be one of pps, mbps, flows_per_sec, got "packets"$/],
    ['hosts?limit=0', /^limit: must be from 1 to 10000$/],
    ['audit?action=dance', /^action: must be one of ban, unban, /],
  ] as const) {
    const { status, json } = await api.get(`/api/v1/${query}`, VIEWER);
    assert.equal(status, 400);
    assert.match(String(json.error), message);
  }
});
