import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attackProgress } from '../../src/daemon/attackProgress.ts';
import { IncidentTable } from '../../src/incidents/incidentTable.ts';
import { attackFixture } from '../fixtures/attackFixture.ts';

test('an attack that lasts is updated once in every period, however often it is looked at', () => {
  const table = new IncidentTable();
  table.open(attackFixture('a', '198.51.100.1', 1000), undefined);
  const updates: number[] = [];
  for (let at = 1000; at <= 181_000; at += 700) {
    for (const event of attackProgress(table.active(), 60, at - 700, at)) updates.push(event.at);
  }
  assert.equal(updates.length, 2, 'after 60 and 120 seconds');
  assert.ok(updates[0] >= 61_000 && updates[0] < 61_700);
  assert.deepEqual(attackProgress(table.active(), 0, 0, 1e9), [], '0 is never');
  const late = attackProgress(table.active(), 60, 181_000, 1_000_000);
  assert.equal(late.length, 1, 'periods that were missed are one update');
});

test('an update is a snapshot of the attack and its ban', () => {
  const table = new IncidentTable();
  const attack = attackFixture('a', '198.51.100.1', 0);
  table.open(attack, undefined);
  const [event] = attackProgress(table.active(), 60, 59_000, 60_000);
  const { rate } = attack;
  attack.rate = -1;
  assert.deepEqual([event.kind, event.attack.rate], ['attack_updated', rate]);
});
