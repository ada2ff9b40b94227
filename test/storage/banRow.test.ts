import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ban } from '../../src/mitigation/ban.ts';
import { banToRow, rowToBan } from '../../src/storage/banRow.ts';
import { banOf } from '../fixtures/banFixture.ts';

test('a ban that Kapkan 0.1 stored is read as the ban it was', () => {
  const { madeBy: _, ...rest } = banOf();
  for (const [manual, madeBy] of [
    [true, 'operator'],
    [false, 'attack'],
  ] as const) {
    const stored = banToRow({ ...rest, manual } as unknown as Ban);
    assert.deepEqual(rowToBan(stored), banOf({ madeBy }));
  }
});
