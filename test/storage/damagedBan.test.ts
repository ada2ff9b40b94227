import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { SqliteBanStore } from '../../src/storage/sqliteBanStore.ts';
import { readStoredState } from '../../src/storage/storedState.ts';
import { banOf } from '../fixtures/banFixture.ts';
import { readActiveBans } from './readActiveBans.ts';
import { stateDirectory } from './stateDirectory.ts';

const NOW = 1_700_000_000_000;
const END = NOW + 60_000;

/** What may happen to the row of the first ban. */
const DAMAGE: readonly string[] = [
  'UPDATE bans SET checksum = checksum + 1',
  "UPDATE bans SET ban = '{'",
  "UPDATE bans SET ban = ''",
  "UPDATE bans SET ban = replace(ban, '192.0.2.1', '192.0.2.7')",
  "UPDATE bans SET ban = 'null', checksum = 0",
  "UPDATE bans SET id = 'somebody' || char(10) || 'else'",
  'UPDATE bans SET ended_at = 5',
];

test('a damaged ban is skipped and named, the others are read, and its route stays until its stored end', (t) => {
  for (const sql of DAMAGE) {
    const directory = savedAndDamaged(t, sql);
    assert.deepEqual(
      readActiveBans(directory).map(({ id }) => id),
      ['b', 'c'],
      sql,
    );
    const { damaged } = readStoredState(directory);
    assert.ok(
      damaged.length >= 1 && damaged.every(({ target, expiresAt }) => target === '192.0.2.1' && expiresAt === END),
    );
    assert.doesNotMatch(damaged.map(({ id }) => id).join(), /\n/);

    let now = NOW;
    const store = new SqliteBanStore(directory, { now: () => now });
    assert.equal(store.loadActive().length, 2, sql);
    assert.match(store.warnings.join('\n'), /192\.0\.2\.1 is damaged/);
    assert.equal(store.protectsRoute('ipv4-unicast 192.0.2.1/32'), true);
    assert.equal(store.protectsRoute('ipv4-flowspec dst 192.0.2.1/32 proto udp'), true);
    assert.equal(store.protectsRoute('ipv4-unicast 192.0.2.9/32'), false, 'an orphan that is not its');
    now = END;
    assert.equal(store.protectsRoute('ipv4-unicast 192.0.2.1/32'), false);
    store.save([banOf({ id: 'd', targetText: '192.0.2.4' })]);
    assert.equal(store.loadActive().length, 3, 'the store works on');
    store.close();
  }
});

function savedAndDamaged(t: TestContext, sql: string): string {
  const directory = stateDirectory(t);
  const store = new SqliteBanStore(directory, { now: () => NOW });
  store.save([
    banOf({ id: 'a', targetText: '192.0.2.1', expiresAt: END }),
    banOf({ id: 'b', targetText: '192.0.2.2', expiresAt: END }),
    banOf({ id: 'c', targetText: '192.0.2.3', expiresAt: END }),
  ]);
  store.close();
  const db = new DatabaseSync(store.file);
  db.exec(`${sql} WHERE id = 'a'`);
  db.close();
  return directory;
}
