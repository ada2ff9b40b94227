import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../src/api/apiError.ts';
import { Timeline } from '../../src/incidents/incidentTable.ts';
import { attackJson } from '../../src/shapes/attackJson.ts';
import { attackOf, NOW } from './fakeDaemon.ts';
import { type RunningApi, runApi, VIEWER } from './runningApi.ts';

const ACTIVE = 'attack-192.0.2.130';

/** Puts an attack into history that the daemon no longer has in memory. */
function remember(api: RunningApi, target: string): string {
  const attack = attackOf(target);
  const json = attackJson({ attack, ban: undefined }, api.daemon.running);
  api.daemon.past = [{ id: attack.id, attack: JSON.stringify(json) }];
  return attack.id;
}

const STORED = [
  { time: NOW - 30_000, event: 'attack_started', code: '', detail: 'over' },
  { time: NOW - 29_000, event: 'ban_rejected', code: 'whitelist', detail: 'whitelisted by 192.0.2.0/24' },
];

test('an attack from history comes with its timeline, and has ended', async (t) => {
  const api = await runApi(t);
  const id = remember(api, '192.0.2.200');
  api.daemon.pastTimeline = STORED;
  const { status, json } = await api.get(`/api/v1/attacks/${id}`, VIEWER);
  assert.deepEqual([status, json.target, json.active], [200, '192.0.2.200', false]);
  assert.deepEqual(json.timeline, [
    { at: '2026-05-01T11:59:30.000Z', event: 'attack_started', detail: 'over' },
    { at: '2026-05-01T11:59:31.000Z', event: 'ban_rejected', code: 'whitelist', detail: 'whitelisted by 192.0.2.0/24' },
  ]);
});

test('the timeline of an active attack has what happened before a restart, and what was not written yet', async (t) => {
  const api = await runApi(t);
  remember(api, '192.0.2.130');
  api.daemon.pastTimeline = STORED;
  const timeline = new Timeline();
  const [attack] = api.daemon.attacks;
  const over = { ...attack, reason: { ...attack.reason, text: 'over' } };
  timeline.add({ kind: 'attack_started', at: NOW - 30_000, attack: over, ban: undefined });
  timeline.add({ kind: 'attack_updated', cause: 'vector', at: NOW, attack: over, ban: undefined });
  api.daemon.timelines.set(ACTIVE, timeline);
  const { json } = await api.get(`/api/v1/attacks/${ACTIVE}`, VIEWER);
  assert.equal(json.active, true);
  assert.deepEqual(
    (json.timeline as { event: string }[]).map(({ event }) => event),
    ['attack_started', 'ban_rejected', 'attack_updated'],
    'what is in both is there once',
  );
});

test('while history does not answer, an attack in memory is still shown', async (t) => {
  const api = await runApi(t);
  api.daemon.failure = new ApiError('not_ready', 'history is not available');
  assert.equal((await api.get(`/api/v1/attacks/${ACTIVE}`, VIEWER)).status, 200);
  assert.equal((await api.get('/api/v1/attacks/unknown', VIEWER)).status, 503);
});

test('an unknown id is a 404, and so is the id of a damaged stored attack', async (t) => {
  const api = await runApi(t);
  assert.equal((await api.get('/api/v1/attacks/unknown', VIEWER)).status, 404);
  api.daemon.past = [{ id: 'damaged', attack: '{}' }];
  assert.equal((await api.get('/api/v1/attacks/damaged', VIEWER)).status, 404);
});

test('after a restart the ended attacks come from history, without those that are in memory', async (t) => {
  const api = await runApi(t);
  const earlier = ['192.0.2.131', '192.0.2.130', '192.0.2.9'].map((target) =>
    attackJson({ attack: attackOf(target), ban: undefined }, api.daemon.running),
  );
  api.daemon.earlier = earlier.map((attack) => ({ ...attack, active: false }));
  const { json } = await api.get('/api/v1/attacks', VIEWER);
  const recent = json.recent as { target: string; ended_at?: string }[];
  assert.deepEqual(
    recent.map(({ target, ended_at }) => [target, ended_at !== undefined]),
    [
      ['192.0.2.131', true],
      ['192.0.2.9', false],
    ],
  );
});
