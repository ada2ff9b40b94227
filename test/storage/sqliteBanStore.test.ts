import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Ban } from '../../src/mitigation/ban.ts';
import { readActiveBans } from '../../src/storage/readActiveBans.ts';
import { SqliteBanStore } from '../../src/storage/sqliteBanStore.ts';
import { StateFileError } from '../../src/storage/stateFileError.ts';
import { anyBan, banOf } from './banFixture.ts';
import { stateDirectory } from './stateDirectory.ts';

test('what was saved is loaded as it was, by a later daemon and beside a running one', (t) => {
  let run = 0;
  const root = stateDirectory(t);
  fc.assert(
    fc.property(fc.array(fc.array(anyBan, { maxLength: 5 }), { maxLength: 5 }), (saves) => {
      const directory = path.join(root, String(run++));
      const expected = new Map<string, Ban>();
      const first = new SqliteBanStore(directory);
      for (const bans of saves) {
        first.save(bans);
        for (const ban of bans) expected.set(ban.id, ban);
      }
      const active = [...expected.values()].filter((ban) => ban.state === 'active');
      const ended = [...expected.values()].filter((ban) => ban.state !== 'active');
      assert.deepEqual(byId(readActiveBans(directory)), byId(active));
      first.close();

      const second = new SqliteBanStore(directory);
      try {
        assert.deepEqual(byId(second.loadActive()), byId(active));
        assert.deepEqual(byId(second.loadEnded(100)), byId(ended));
      } finally {
        second.close();
      }
    }),
    { numRuns: 50 },
  );
});

test('the state directory is made for its owner alone', (t) => {
  const directory = path.join(stateDirectory(t), 'var', 'kapkan');
  new SqliteBanStore(directory).close();
  assert.equal(statSync(directory).mode & 0o777, 0o700);
});

test('a state directory that cannot be made is named', (t) => {
  const file = path.join(stateDirectory(t), 'state');
  new SqliteBanStore(file).close();
  assert.throws(() => new SqliteBanStore(path.join(file, 'kapkan.db', 'below')), /kapkan\.db.*ENOTDIR/);
});

test('a second store on the directory is refused until the first is closed', (t) => {
  const directory = stateDirectory(t);
  const first = new SqliteBanStore(directory);
  assert.throws(
    () => new SqliteBanStore(directory),
    (error) => error instanceof StateFileError && error.fault === 'locked' && error.message.includes(directory),
  );
  first.save([banOf()]);
  first.close();
  const second = new SqliteBanStore(directory);
  assert.equal(second.loadActive().length, 1);
  second.close();
});

test('a save of which one ban cannot be written saves none', (t) => {
  const directory = stateDirectory(t);
  const store = new SqliteBanStore(directory);
  store.save([banOf({ id: 'a' })]);
  const unwritable = { ...banOf({ id: 'c' }), id: undefined as unknown as string };
  assert.throws(() => store.save([banOf({ id: 'a', rate: 1 }), banOf({ id: 'b' }), unwritable]), /cannot save 3 bans/);
  assert.deepEqual(store.loadActive(), [banOf({ id: 'a' })]);
  store.save([banOf({ id: 'b' })]);
  assert.equal(store.loadActive().length, 2);
  store.close();
});

test('the newest ten thousand ended bans are kept, and active ones however old', (t) => {
  const store = new SqliteBanStore(stateDirectory(t));
  store.save([banOf({ id: 'old but active', startedAt: 1 })]);
  const ended = Array.from({ length: 10_500 }, (_, index) =>
    banOf({ id: `ended-${index}`, state: 'withdrawn', startedAt: 1_000 + index, withdrawnAt: 2_000 + index }),
  );
  store.save(ended);
  store.save([banOf({ id: 'one more', state: 'rejected', startedAt: 100_000 })]);
  const kept = store.loadEnded(50_000).map((ban) => ban.id);
  assert.equal(kept.length, 10_000);
  assert.deepEqual(kept.slice(0, 2), ['one more', 'ended-10499']);
  assert.deepEqual(
    store.loadEnded(1).map((ban) => ban.id),
    ['one more'],
  );
  assert.deepEqual(
    store.loadActive().map((ban) => ban.id),
    ['old but active'],
  );
  store.close();
});

function byId(bans: readonly Ban[]): Ban[] {
  return [...bans].sort((a, b) => (a.id < b.id ? -1 : 1));
}
