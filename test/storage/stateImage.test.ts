import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { SqliteBanStore } from '../../src/storage/sqliteBanStore.ts';
import { contentsOf } from '../../src/storage/stateFile.ts';
import { openStateImage } from '../../src/storage/stateImage.ts';
import { banOf } from '../fixtures/banFixture.ts';
import { stateDirectory } from './stateDirectory.ts';

test('the image in memory has what is in the log only', (t) => {
  const store = new SqliteBanStore(stateDirectory(t));
  store.save([banOf({ id: 'in the database' })]);
  // A reader that is in the middle of something keeps later commits from leaving the log.
  const reader = new DatabaseSync(store.file, { readOnly: true });
  reader.exec('BEGIN');
  reader.prepare('SELECT count(*) FROM bans').get();
  for (let i = 0; i < 20; i++) store.save([banOf({ id: `in the log ${i}`, comment: 'x'.repeat(10_000) })]);
  const image = openStateImage(store.file);
  assert.equal(contentsOf(image).bans.length, 21);
  assert.deepEqual(image.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok');
  image.close();
  reader.close();
  store.close();
});
