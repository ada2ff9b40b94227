import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AttackProgress,
  FIRST_ENTRIES,
  IncidentTable,
  MAX_ENTRIES,
  Timeline,
} from '../../src/incidents/incidentTable.ts';
import { attackFixture } from '../fixtures/attackFixture.ts';
import { banOf } from '../fixtures/banFixture.ts';

function tableWith(startedAt: number): IncidentTable {
  const table = new IncidentTable();
  table.open(attackFixture('a', '198.51.100.1', startedAt), undefined);
  return table;
}

test('an attack that lasts is due once in every period, for any number of calls', () => {
  const table = tableWith(1000);
  const progress = new AttackProgress();
  const due: number[] = [];
  for (let at = 1000; at <= 181_000; at += 700) {
    for (const _ of progress.due(table.active(), 60, at)) due.push(at);
  }
  assert.equal(due.length, 2, 'after 60 and 120 seconds');
  assert.ok(due[0] >= 61_000 && due[0] < 62_400, `${due[0]}`);
  assert.equal(progress.due(table.active(), 60, 1_000_000).length, 1, 'periods that were missed are one update');
});

test('with 0 no attack is ever due, and time that passed before updates were turned on is not reported', () => {
  const table = tableWith(0);
  const progress = new AttackProgress();
  for (let at = 0; at <= 600_000; at += 1000) assert.deepEqual(progress.due(table.active(), 0, at), []);
  assert.deepEqual(progress.due(table.active(), 60, 601_000), []);
  assert.equal(progress.due(table.active(), 60, 661_000).length, 1);
});

test('a step of the wall clock is no progress', () => {
  const table = tableWith(0);
  const progress = new AttackProgress();
  progress.due(table.active(), 60, 30_000);
  // The detector moves the start of its attacks by the same amount.
  const moved = tableWith(3_600_000);
  progress.clockStepped(3_600_000);
  assert.deepEqual(progress.due(moved.active(), 60, 3_631_000), []);
});

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
