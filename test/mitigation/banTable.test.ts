import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BanTable, PastBans } from '../../src/mitigation/banTable.ts';
import { banOf } from '../fixtures/banFixture.ts';
import { MemoryStore } from './memoryStore.ts';

test('a flood of one group removes its own oldest, never the few of another', () => {
  const past = new PastBans(10);
  past.add(banOf({ id: 'quiet', group: 'quiet' }));
  for (let i = 0; i < 100; i++) past.add(banOf({ id: `loud ${i}`, group: 'loud' }));
  const ids = past.all().map(({ id }) => id);
  assert.equal(ids.length, 10);
  assert.ok(ids.includes('quiet') && ids.includes('loud 99') && ids.includes('loud 91'));
});

test('refusals take no place of bans that ended, and starts count after a restart whatever else was stored', () => {
  const store = new MemoryStore();
  const table = new BanTable(store);
  table.load(3_600_000, 1000);
  for (let i = 0; i < 20; i++) {
    const ban = banOf({ id: `ban ${i}`, attackId: `attack ${i}`, startedAt: 1000 });
    table.begin(ban);
    table.save(1000);
    table.end({ ...ban, state: 'withdrawn', withdrawnAt: 2000 });
    table.save(2000);
  }
  for (let i = 0; i < 15_000; i++) table.refuse(banOf({ id: `refused ${i}`, state: 'rejected', startedAt: 3000 }));
  table.save(3000);
  assert.equal(table.past().filter(({ state }) => state === 'withdrawn').length, 20);
  const again = new BanTable(store);
  again.load(3_600_000, 4000);
  assert.equal(again.starts.startedAfter(0, false), 20);
});
