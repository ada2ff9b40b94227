import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Ban } from '../../src/mitigation/ban.ts';
import { SqliteBanStore } from '../../src/storage/sqliteBanStore.ts';
import { StateFileError } from '../../src/storage/stateDirectory.ts';
import { anyBan, banOf } from '../fixtures/banFixture.ts';
import { readActiveBans } from './readActiveBans.ts';
import { stateDirectory } from './stateDirectory.ts';

test('saved bans are loaded unchanged, by a later daemon and while one runs', (t) => {
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

test('only the owner can read the state directory', (t) => {
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

test('the newest ten thousand ended bans and all active bans are kept', (t) => {
  const store = new SqliteBanStore(stateDirectory(t));
  store.save([banOf({ id: 'old but active', startedAt: 1 })]);
  const ended = Array.from({ length: 10_500 }, (_, index) =>
    banOf({ id: `ended-${index}`, state: 'withdrawn', startedAt: 1_000 + index, withdrawnAt: 2_000 + index }),
  );
  store.save(ended);
  store.save([banOf({ id: 'one more', state: 'rejected', startedAt: 100_000 })]);
  const kept = store.loadEnded(50_000).map((ban) => ban.id);
  assert.equal(kept.length, 10_001, 'a refusal takes no place of a ban that ended');
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

test('refused bans of one group remove neither those of another group nor ended bans', (t) => {
  const store = new SqliteBanStore(stateDirectory(t));
  store.save([banOf({ id: 'ended', state: 'withdrawn', startedAt: 1, withdrawnAt: 2 })]);
  const refusal = { state: 'rejected', startedAt: 10 } as const;
  store.save([1, 2, 3].map((number) => banOf({ ...refusal, id: `quiet ${number}`, group: 'quiet' })));
  for (let save = 0; save < 5; save++) {
    const flood = Array.from({ length: 1000 }, (_, i) =>
      banOf({ ...refusal, id: `loud ${save} ${i}`, group: 'loud', startedAt: 100 + save * 1000 + i }),
    );
    store.save(flood);
  }
  const kept = store.loadEnded(50_000);
  assert.equal(kept.filter(({ group }) => group === 'quiet').length, 3);
  assert.equal(kept.filter(({ id }) => id === 'ended').length, 1);
  assert.equal(kept.filter(({ group }) => group === 'loud').length, 2000 - 3);
  store.close();
});

test('starts that count for a cap are kept longer than ended bans, and refusals are no starts', (t) => {
  const directory = stateDirectory(t);
  const store = new SqliteBanStore(directory, { now: () => 1_000_000 });
  const ended = Array.from({ length: 12_000 }, (_, i) =>
    banOf({
      id: `ended-${i}`,
      attackId: `attack-${i}`,
      state: 'withdrawn',
      startedAt: 900_000 + i,
      withdrawnAt: 950_000 + i,
    }),
  );
  store.save(ended);
  store.save([
    banOf({ id: 'refused', state: 'rejected' }),
    banOf({ id: 'active', attackId: 'last', startedAt: 990_000 }),
  ]);
  store.close();
  const again = new SqliteBanStore(directory);
  assert.equal(again.loadStarts().length, 12_001);
  assert.deepEqual(again.loadStarts().at(-1), { key: 'last', startedAt: 990_000, group: 'global', dryRun: false });
  again.close();
});

test('only the owner can read the state files, also one that others could read before', (t) => {
  const directory = stateDirectory(t);
  const store = new SqliteBanStore(directory);
  store.save([banOf()]);
  const files = ['kapkan.db', 'kapkan.db-wal', 'kapkan.db-shm', 'kapkan.lock', 'kapkan.expiries'];
  for (const file of files) assert.equal(statSync(path.join(directory, file)).mode & 0o777, 0o600, file);
  store.close();
  for (const file of ['kapkan.db', 'kapkan.lock', 'kapkan.expiries']) chmodSync(path.join(directory, file), 0o666);
  chmodSync(directory, 0o755);
  const again = new SqliteBanStore(directory);
  for (const file of files) {
    const mode = statSync(path.join(directory, file), { throwIfNoEntry: false })?.mode ?? 0o600;
    assert.equal(mode & 0o777, 0o600, file);
  }
  assert.match(again.warnings.join('\n'), /state directory .* has mode 0755/);
  again.close();
});

test('a file that is not a regular file is refused before it is opened', (t) => {
  for (const name of ['kapkan.db', 'kapkan.lock', 'kapkan.expiries', 'kapkan.db-wal']) {
    for (const kind of ['fifo', 'directory', 'device', 'circle'] as const) {
      const directory = stateDirectory(t);
      if (name === 'kapkan.db-wal') new SqliteBanStore(directory).close();
      const file = path.join(directory, name);
      if (kind === 'fifo') execFileSync('mkfifo', [file]);
      if (kind === 'directory') mkdirSync(file);
      if (kind === 'device') symlinkSync('/dev/zero', file);
      if (kind === 'circle') symlinkSync(file, file);
      assert.throws(
        () => new SqliteBanStore(directory),
        (error) => error instanceof StateFileError && error.fault === 'unreadable',
        `${name} as ${kind}`,
      );
      if (name !== 'kapkan.lock') assert.throws(() => readActiveBans(directory), StateFileError);
    }
  }
});

test('the GoBGP that the bans were announced to is stored', (t) => {
  const directory = stateDirectory(t);
  const store = new SqliteBanStore(directory);
  assert.equal(store.savedIdentity(), undefined);
  const identity = { instanceId: 7, addresses: ['127.0.0.1:50051'], asns: [64511, 64512] };
  store.saveIdentity(identity);
  store.close();
  const again = new SqliteBanStore(directory);
  assert.deepEqual(again.savedIdentity(), identity);
  again.saveIdentity(undefined);
  assert.equal(again.savedIdentity(), undefined);
  again.close();
});

function byId(bans: readonly Ban[]): Ban[] {
  return [...bans].sort((a, b) => (a.id < b.id ? -1 : 1));
}

test('targets whose attack is left alone survive a restart, and nothing is left of them once there are none', (t) => {
  const directory = stateDirectory(t);
  const store = new SqliteBanStore(directory);
  assert.deepEqual(store.loadLeftAlone(), []);
  store.saveLeftAlone(['192.0.2.1', '2001:db8::1']);
  store.close();
  const again = new SqliteBanStore(directory);
  assert.deepEqual(again.loadLeftAlone(), ['192.0.2.1', '2001:db8::1']);
  again.saveLeftAlone([]);
  assert.deepEqual(again.loadLeftAlone(), []);
  again.close();
});
