/*
 * A disk that is full or read-only, as a small file system of its own. That takes root and mount(8); without, these
 * skip.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { SqliteBanStore } from '../../src/storage/sqliteBanStore.ts';
import { banOf } from '../fixtures/banFixture.ts';
import { skip } from '../integration/daemons.ts';
import { readActiveBans } from './readActiveBans.ts';

const LIVE = banOf({ id: 'live', targetText: '192.0.2.1' });

test('on a full disk stored bans keep their expiries, and new ones are stored while the reserve lasts', (t) => {
  const directory = smallDisk(t);
  if (directory === undefined) return;
  const store = new SqliteBanStore(directory);
  store.save([LIVE]);
  fill(directory);
  let saved = 0;
  const tooMuch = () => {
    for (; saved < 10_000; saved++) store.save([banOf({ id: `new ${saved}`, comment: 'x'.repeat(5000) })]);
  };
  assert.throws(tooMuch, /cannot save 1 bans/);
  assert.ok(saved >= 20, `${saved} bans fitted into the reserve`);

  const moved = { ...LIVE, expiresAt: LIVE.expiresAt + 30_000, lastSeenAt: LIVE.startedAt + 30_000 };
  assert.throws(() => store.save([moved, banOf({ id: 'too much', comment: 'x'.repeat(500_000) })]), /cannot save/);
  const read = () => readActiveBans(directory).find(({ id }) => id === 'live');
  assert.equal(read()?.expiresAt, moved.expiresAt, 'a new ban that cannot be stored holds up no expiry');
  store.close();

  // After a clean stop the log is gone, and there is no room to make it.
  fill(directory);
  assert.equal(read()?.expiresAt, moved.expiresAt);
  const again = new SqliteBanStore(directory);
  assert.ok(again.loadActive().some(({ id }) => id === 'live'));
  const later = { ...moved, expiresAt: moved.expiresAt + 30_000 };
  try {
    again.save([later]);
  } catch (error) {
    assert.match(String(error), /cannot save/);
  }
  assert.equal(read()?.expiresAt, later.expiresAt);
  rmSync(path.join(directory, 'filling'));
  again.save([banOf({ id: 'after', targetText: '192.0.2.9' })]);
  assert.ok(
    again.loadActive().some(({ id }) => id === 'after'),
    'with room it stores again by itself',
  );
  again.close();
});

test('the end of a ban is recorded on a full disk, and the ban is not active after a restart', (t) => {
  const directory = smallDisk(t);
  if (directory === undefined) return;
  const store = new SqliteBanStore(directory);
  store.save([LIVE]);
  store.close();
  fill(directory);
  const full = new SqliteBanStore(directory);
  const ended = banOf({ ...LIVE, state: 'withdrawn', withdrawnAt: LIVE.startedAt + 1, comment: 'x'.repeat(3_000_000) });
  assert.throws(() => full.save([ended]), /cannot save/);
  full.close();
  assert.deepEqual(readActiveBans(directory), []);
});

test('a read-only file system lets the bans be read and the store open, after a clean stop and after a kill', (t) => {
  for (const killed of [false, true]) {
    const directory = smallDisk(t);
    if (directory === undefined) return;
    const store = new SqliteBanStore(directory);
    store.save([LIVE]);
    if (killed) copyWithLog(directory, store.file);
    store.close();
    execFileSync('mount', ['-o', 'remount,ro', directory]);
    const state = killed ? path.join(directory, 'killed') : directory;
    assert.deepEqual(readActiveBans(state), [LIVE]);
    const readOnly = new SqliteBanStore(state);
    assert.deepEqual(readOnly.loadActive(), [LIVE]);
    assert.match(readOnly.warnings.join('\n'), /new bans cannot be stored/);
    assert.throws(() => readOnly.save([banOf({ id: 'new' })]), /cannot save 1 bans/);
    readOnly.close();
  }
});

/** The directory of a daemon that was killed: its log is there, and the database in it. */
function copyWithLog(directory: string, file: string): void {
  const target = path.join(directory, 'killed');
  execFileSync('mkdir', [target]);
  for (const name of [file, `${file}-wal`, path.join(directory, 'kapkan.expiries')]) execFileSync('cp', [name, target]);
}

function smallDisk(t: TestContext): string | undefined {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'kapkan-full-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=0700', 'tmpfs', directory], { stdio: 'pipe' });
  } catch {
    rmdirSync(directory);
    return skip(t, 'a small file system can be mounted by root only: mount -t tmpfs -o size=16m tmpfs DIRECTORY');
  }
  t.after(() => {
    execFileSync('umount', ['-l', directory]);
    rmdirSync(directory);
  });
  return directory;
}

function fill(directory: string): void {
  let bytes = 1_048_576;
  while (bytes >= 1) {
    try {
      writeFileSync(path.join(directory, 'filling'), Buffer.alloc(bytes, 'x'), { flag: 'a' });
    } catch {
      bytes >>= 1;
    }
  }
}
