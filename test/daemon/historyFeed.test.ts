import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HistoryFeed } from '../../src/daemon/historyFeed.ts';
import { attackFixture } from '../fixtures/attackFixture.ts';
import { banOf } from '../fixtures/banFixture.ts';
import { configFixture, groupFixture } from '../fixtures/configFixture.ts';
import { silentLogger } from '../fixtures/silentLogger.ts';
import { stateDirectory } from '../storage/stateDirectory.ts';

const HOST = '198.51.100.1';

/** A feed over an embedded history; `now` moves only as a test says. */
function feedOn(t: TestContext, directory = stateDirectory(t)) {
  const config = configFixture({ groups: [groupFixture({ name: 'global', tenant: 'acme' })] });
  const storage = { path: directory, retentionDays: 7, trafficIntervalSeconds: 10, clickhouse: undefined };
  const clock = { time: Date.now(), now: () => clock.time };
  const feed = new HistoryFeed({
    config: () => ({ ...config, storage }),
    clock,
    pool: { traffic: async () => undefined },
    log: silentLogger(),
  });
  t.after(() => feed.stop());
  return { feed, clock, directory };
}

test('an attack is stored with the ban that answers it and with every event in order', async (t) => {
  const { feed, clock } = feedOn(t);
  const attack = attackFixture('a', HOST, clock.time);
  const ban = banOf({ targetText: HOST, attackId: 'a' });
  const at = clock.time;
  feed.incident({ kind: 'attack_started', at, attack, ban });
  feed.incident({ kind: 'ban_started', at, attack, ban, verdicts: [] });
  feed.incident({ kind: 'ban_confirmed', at, attack, ban });
  const ended = { ...attack, active: false, endedAt: at };
  feed.incident({ kind: 'attack_ended', at, attack: ended, ban: { ...ban, state: 'withdrawn' } });
  const stored = await feed.attack('a');
  const json = JSON.parse(stored?.attack ?? '{}') as Record<string, unknown>;
  assert.deepEqual([json.target, json.ban_state, json.active], [HOST, 'withdrawn', false]);
  assert.deepEqual(
    stored?.timeline.map(({ event }) => event),
    ['attack_started', 'ban_started', 'ban_confirmed', 'attack_ended'],
    'events of the same moment keep their order',
  );
});

test('what is about no attack has no row, and does no harm', async (t) => {
  const { feed, clock } = feedOn(t);
  const ban = banOf({ madeBy: 'operator', attackId: undefined });
  feed.incident({ kind: 'store_failed', at: clock.time, reason: 'disk is full' });
  feed.incident({ kind: 'ban_started', at: clock.time, ban, attack: undefined, verdicts: [] });
  assert.equal((await feed.counts()).attack_events.written, 0);
});

test('the progress of an attack that lasts is not stored', async (t) => {
  const { feed, clock } = feedOn(t);
  const attack = attackFixture('a', HOST, clock.time);
  feed.incident({ kind: 'attack_started', at: clock.time, attack, ban: undefined });
  feed.incident({ kind: 'attack_updated', cause: 'progress', at: clock.time + 60_000, attack, ban: undefined });
  feed.incident({ kind: 'attack_updated', cause: 'vector', at: clock.time + 70_000, attack, ban: undefined });
  const stored = await feed.attack('a');
  assert.deepEqual(
    stored?.timeline.map(({ event, code }) => [event, code]),
    [
      ['attack_started', ''],
      ['attack_updated', 'vector'],
    ],
  );
});

test('events after a restart come after those before it', async (t) => {
  const first = feedOn(t);
  const attack = attackFixture('a', HOST, first.clock.time);
  for (let i = 0; i < 3; i++)
    first.feed.incident({ kind: 'attack_updated', cause: 'vector', at: first.clock.time, attack, ban: undefined });
  await first.feed.stop();
  const second = feedOn(t, first.directory);
  second.clock.time = first.clock.time + 1;
  const ended = { ...attack, active: false, endedAt: second.clock.time };
  second.feed.incident({ kind: 'attack_ended', at: second.clock.time, attack: ended, ban: undefined });
  const stored = await second.feed.attack('a');
  assert.equal(stored?.timeline.length, 4);
  assert.equal(stored?.timeline.at(-1)?.event, 'attack_ended');
});
