import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AttackProgress } from '../../src/incidents/attackProgress.ts';
import { IncidentTable } from '../../src/incidents/incidentTable.ts';
import { attackFixture } from '../fixtures/attackFixture.ts';

function tableWith(startedAt: number): IncidentTable {
  const table = new IncidentTable();
  table.open(attackFixture('a', '198.51.100.1', startedAt), undefined);
  return table;
}

test('an attack that lasts is due once in every period, however often it is looked at', () => {
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

test('0 is never, and what passed before it was turned on is not reported', () => {
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
