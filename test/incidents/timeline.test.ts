import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIRST_ENTRIES, MAX_ENTRIES, Timeline } from '../../src/incidents/timeline.ts';
import { banOf } from '../fixtures/banFixture.ts';

test('a timeline is bounded and keeps its first and its newest entries', () => {
  const timeline = new Timeline();
  const count = 3 * MAX_ENTRIES;
  for (let at = 0; at < count; at++) {
    timeline.add({
      kind: 'ban_failed',
      at,
      ban: banOf(),
      attack: undefined,
      cause: 'not_in_rib',
      reason: `reason ${at}`,
    });
  }
  const times = timeline.entries().map(({ at }) => at);
  assert.equal(times.length, MAX_ENTRIES);
  assert.deepEqual(
    times.slice(0, FIRST_ENTRIES),
    Array.from({ length: FIRST_ENTRIES }, (_, at) => at),
  );
  assert.equal(times.at(-1), count - 1);
  assert.deepEqual(
    times.toSorted((a, b) => a - b),
    times,
  );
  assert.equal(timeline.entries()[5].detail, 'reason 5');
});
