import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attackJson } from '../../../src/shapes/attackJson.ts';
import { runApi, VIEWER } from '../../api/runningApi.ts';

test('with a parameter, ended attacks come from the history, and active ones are not among them', async (t) => {
  const { daemon, get } = await runApi(t);
  const before = attackJson(daemon.endedIncidents()[0], daemon.config());
  daemon.past = [
    { id: 'long ago', attack: JSON.stringify({ ...before, id: 'long ago', active: true }) },
    { id: daemon.attacks[0].id, attack: JSON.stringify(before) },
  ];
  const query = 'from=2026-01-01T00:00:00%2B01:00&to=2026-06-01T00:00:00Z&type=udp_flood&limit=2&cursor=5-x';
  const { status, json } = await get(`/api/v1/attacks?${query}`, VIEWER);
  assert.equal(status, 200, JSON.stringify(json));
  const recent = json.recent as { id: string; active: boolean }[];
  assert.deepEqual(
    recent.map(({ id, active }) => [id, active]),
    [['long ago', false]],
  );
  assert.equal(json.next_cursor, '1-a');
  const [asked] = daemon.attackQueries;
  assert.equal(asked.from, Date.UTC(2025, 11, 31, 23));
  assert.equal(asked.to, Date.UTC(2026, 5, 1));
  assert.deepEqual([asked.type, asked.limit, asked.cursor, asked.tenant], ['udp_flood', 2, '5-x', undefined]);
});

test('without a parameter history is not queried', async (t) => {
  const { daemon, get } = await runApi(t);
  const { json } = await get('/api/v1/attacks', VIEWER);
  assert.equal((json.recent as unknown[]).length, daemon.ended.length);
  assert.deepEqual(daemon.attackQueries, []);
});

test('traffic is that of the last hour by default, in steps that are multiples of the stored interval', async (t) => {
  const { daemon, get } = await runApi(t);
  const { status, json } = await get('/api/v1/traffic?target=2001:DB8:0::5&step=25', VIEWER);
  assert.equal(status, 200, JSON.stringify(json));
  assert.equal(json.target, '2001:db8::5');
  assert.equal(json.step, 30);
  const [asked] = daemon.trafficQueries;
  assert.equal(asked.to - asked.from, 3_600_000);
  assert.deepEqual([asked.scope, asked.target, asked.stepSeconds], ['host', '2001:db8::5', 30]);
  const long = await get('/api/v1/traffic?group=web&from=2026-01-01T00:00:00Z&to=2026-01-08T00:00:00Z', VIEWER);
  assert.equal(long.json.step, 610, 'a week in at most a thousand points');
});

test('an error says why a query cannot be answered', async (t) => {
  const { get } = await runApi(t);
  for (const [query, why] of [
    ['', /one of target and group/],
    ['target=192.0.2.1&group=web', /one of target and group/],
    ['target=nobody', /target: must be an IPv4 or IPv6 address/],
    ['target=192.0.2.1&from=yesterday', /from: must be a time in RFC 3339/],
    ['target=192.0.2.1&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', /from: must be before to/],
    ['target=192.0.2.1&from=2020-01-01T00:00:00Z&step=1', /step: must be so large/],
    ['target=192.0.2.1&step=0', /step: must be a whole number/],
  ] as const) {
    const { status, json } = await get(`/api/v1/traffic?${query}`, VIEWER);
    assert.equal(status, 400, query);
    assert.match(String(json.error), why, query);
  }
  assert.equal((await get('/api/v1/attacks?cursor=nonsense', VIEWER)).status, 400);
});
