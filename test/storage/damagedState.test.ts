import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { SqliteBanStore } from '../../src/storage/sqliteBanStore.ts';
import { StateFileError, type StateFileFault } from '../../src/storage/stateDirectory.ts';
import { STATE_VERSION, stateFileOf } from '../../src/storage/stateFile.ts';
import { readStoredState } from '../../src/storage/storedState.ts';
import { banOf } from '../fixtures/banFixture.ts';
import { readActiveBans } from './readActiveBans.ts';
import { stateDirectory } from './stateDirectory.ts';

const BANS = Array.from({ length: 20 }, (_, index) => banOf({ id: `ban-${index}`, targetText: `192.0.2.${index}` }));

test('a state file truncated anywhere is refused and not changed', (t) => {
  const { directory, file } = savedState(t);
  const whole = readFileSync(file);
  for (const length of [0, 1, 15, 16, 100, 4_096, 5_000, whole.length - 4_096, whole.length - 1]) {
    writeFileSync(file, whole);
    truncateSync(file, length);
    assertRefused(directory, 'damaged');
    assert.deepEqual(readFileSync(file), whole.subarray(0, length), `of ${length} bytes`);
  }
});

test('a file that is no state file is refused and not changed', (t) => {
  const { directory, file } = savedState(t);
  rmSync(file);
  const other = new DatabaseSync(file);
  other.exec('CREATE TABLE songs (title TEXT)');
  other.close();
  for (const content of [readFileSync(file), Buffer.from('dry_run: false\n'), Buffer.alloc(8_192)]) {
    writeFileSync(file, content);
    assertRefused(directory, 'damaged');
    assert.deepEqual(readFileSync(file), content);
  }
});

test('a state file with any bit flipped gives the saved bans or an error, never other bans', (t) => {
  const { directory, file } = savedState(t);
  const whole = readFileSync(file);
  fc.assert(
    fc.property(fc.nat(whole.length * 8 - 1), (bit) => {
      const flipped = Buffer.from(whole);
      flipped[bit >> 3] ^= 1 << (bit & 7);
      writeFileSync(file, flipped);
      try {
        const { bans, damaged } = readStoredState(directory);
        const lost = BANS.filter(({ id }) => !bans.some((ban) => ban.id === id));
        assert.deepEqual(
          bans,
          BANS.filter((ban) => !lost.includes(ban)),
        );
        // What cannot be read is known all the same by its target and its end.
        for (const { targetText, expiresAt } of lost) {
          assert.ok(damaged.some((ban) => ban.target === targetText && ban.expiresAt === expiresAt));
        }
      } catch (error) {
        assert.ok(error instanceof StateFileError, String(error));
      }
    }),
    { numRuns: 1_000 },
  );
});

test('a state file of a newer version is refused with both versions named', (t) => {
  const { directory, file } = savedState(t);
  const db = new DatabaseSync(file);
  db.exec(`PRAGMA user_version = ${STATE_VERSION + 6}`);
  db.close();
  const before = readFileSync(file);
  const message = assertRefused(directory, 'newer');
  assert.match(message, new RegExp(`version ${STATE_VERSION + 6}\\b.*version ${STATE_VERSION}\\b`));
  assert.deepEqual(readFileSync(file), before);
});

test('a lost or truncated write-ahead log loses no ban', (t) => {
  const { directory, file } = runningState(t);
  for (const spoil of [(log: string) => rmSync(log), (log: string) => truncateSync(log, 40)]) {
    const copy = path.join(directory, 'copy');
    mkdirSync(copy, { recursive: true });
    copyFileSync(file, stateFileOf(copy));
    copyFileSync(`${file}-wal`, `${stateFileOf(copy)}-wal`);
    spoil(`${stateFileOf(copy)}-wal`);
    assert.deepEqual(readActiveBans(copy), BANS);
  }
});

test('a missing file is created by the daemon and an error for a reader', (t) => {
  const directory = stateDirectory(t);
  assert.throws(
    () => readActiveBans(directory),
    (error) => error instanceof StateFileError && error.fault === 'missing',
  );
  assert.ok(!existsSync(stateFileOf(directory)));
  const store = new SqliteBanStore(directory);
  assert.deepEqual(store.loadActive(), []);
  store.close();
});

test('a database that was moved away from its write-ahead log is not created again', (t) => {
  const { directory, file } = runningState(t);
  const copy = path.join(directory, 'copy');
  mkdirSync(copy);
  copyFileSync(`${file}-wal`, `${stateFileOf(copy)}-wal`);
  assert.throws(() => new SqliteBanStore(copy), /write-ahead log is still there/);
});

test('moving a damaged file away lets the daemon start', (t) => {
  const { directory, file } = savedState(t);
  truncateSync(file, 4_096);
  assertRefused(directory, 'damaged');
  renameSync(file, `${file}.damaged`);
  const store = new SqliteBanStore(directory);
  assert.deepEqual(store.loadActive(), []);
  store.close();
});

/** A directory as a daemon that stopped cleanly leaves it. */
function savedState(t: TestContext): { directory: string; file: string } {
  const directory = stateDirectory(t);
  const store = new SqliteBanStore(directory);
  store.save(BANS);
  store.close();
  return { directory, file: store.file };
}

/** A directory that a store has open, with a write-ahead log. */
function runningState(t: TestContext): { directory: string; file: string } {
  const directory = stateDirectory(t);
  const store = new SqliteBanStore(directory);
  t.after(() => store.close());
  store.save(BANS);
  assert.ok(existsSync(`${store.file}-wal`));
  return { directory, file: store.file };
}

/** Both the daemon's store and the reader refuse; gives the reader's message. */
function assertRefused(directory: string, fault: StateFileFault): string {
  const isThat = (error: unknown): boolean => error instanceof StateFileError && error.fault === fault;
  assert.throws(() => new SqliteBanStore(directory), isThat);
  let message = '';
  assert.throws(
    () => readActiveBans(directory),
    (error) => {
      message = error instanceof Error ? error.message : '';
      return isThat(error) && message.includes(directory);
    },
  );
  return message;
}
