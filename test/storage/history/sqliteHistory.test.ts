import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { HistoryError } from '../../../src/storage/history/historyStore.ts';
import { SqliteHistory, type SqliteHistoryOptions } from '../../../src/storage/history/sqliteHistory.ts';
import { stateDirectory } from '../stateDirectory.ts';
import { ANY_ATTACK, attackRow, auditRow, checkBackend, T0, trafficOf, trafficRow } from './historyFixture.ts';

const DAY_MS = 86_400_000;

function open(
  t: TestContext,
  file = path.join(stateDirectory(t), 'history.db'),
  changes: Partial<SqliteHistoryOptions> = {},
) {
  const asides: string[] = [];
  const history = new SqliteHistory({
    ...{ file, retentionDays: 2, now: () => T0 },
    onPutAside: (_why, aside) => asides.push(aside),
    ...changes,
  });
  t.after(() => history.close());
  return { history, file, asides };
}

test('the embedded history keeps rows and answers every question about them', async (t) => {
  const { history, file } = open(t);
  await checkBackend(history);
  await history.close();
  const reopened = open(t, file);
  assert.equal((await reopened.history.attacks(ANY_ATTACK)).rows.length, 4, 'what was written is still there');
});

test('a file of format version 1 is taken over with its rows', async (t) => {
  const { history, file } = open(t);
  await history.insert('attack_events', [attackRow()]);
  await history.insert('audit_events', [auditRow(1)]);
  await history.close();
  const db = new DatabaseSync(file);
  db.exec('DROP TABLE timeline; ALTER TABLE audit_events DROP COLUMN code; PRAGMA user_version = 1');
  db.close();
  const { history: taken, asides } = open(t, file);
  assert.deepEqual((await taken.attack('a1'))?.timeline, [], 'what happened was not kept then');
  await taken.insert('attack_events', [attackRow({ sequence: T0 * 1000 + 1, event: 'attack_ended' })]);
  assert.equal((await taken.attack('a1'))?.timeline.length, 1);
  const anything = { from: undefined, to: undefined, action: undefined, target: undefined, tenant: undefined };
  const { rows } = await taken.audit({ ...anything, limit: 10, cursor: undefined });
  assert.deepEqual(
    rows.map(({ operator, code }) => [operator, code]),
    [['noc', '']],
  );
  assert.deepEqual(asides, []);
});

test('the timeline goes with its attack, and an attack that lasts keeps all of it', async (t) => {
  const { history } = open(t);
  const old = T0 - 3 * DAY_MS;
  const rows = ['over', 'lasting'].map((attackId) => attackRow({ attackId, eventTime: old, sequence: old * 1000 }));
  await history.insert('attack_events', [...rows, attackRow({ attackId: 'lasting', event: 'ban_started' })]);
  await history.prune(T0);
  assert.equal(await history.attack('over'), undefined);
  assert.equal((await history.attack('lasting'))?.timeline.length, 2);
});

test('the same rows again are stored once', async (t) => {
  const { history } = open(t);
  for (let i = 0; i < 2; i++) {
    await history.insert('traffic', [trafficRow()]);
    await history.insert('audit_events', [auditRow(1)]);
  }
  assert.equal((await history.traffic(trafficOf()))[0].mean.pps, 1000);
});

test('a late event does not overwrite a newer one', async (t) => {
  const { history } = open(t);
  await history.insert('attack_events', [attackRow({ sequence: 2, attack: '"ended"' })]);
  await history.insert('attack_events', [attackRow({ sequence: 1, attack: '"started"' })]);
  assert.equal((await history.attacks(ANY_ATTACK)).rows[0].attack, '"ended"');
});

test('rows older than the retention are deleted, the others stay', async (t) => {
  const { history } = open(t);
  const old = T0 - 3 * DAY_MS;
  const rows = Array.from({ length: 300 }, (_, i) => trafficRow({ time: old + i * 10_000 }));
  await history.insert('traffic', [...rows, trafficRow()]);
  await history.insert('attack_events', [attackRow({ attackId: 'old', eventTime: old }), attackRow()]);
  await history.prune(T0);
  assert.equal((await history.traffic(trafficOf({ from: old, to: old + DAY_MS }))).length, 0);
  assert.equal((await history.traffic(trafficOf())).length, 1);
  assert.deepEqual(
    (await history.attacks(ANY_ATTACK)).rows.map(({ id }) => id),
    ['a1'],
  );
});

test('a file that is not a database is put aside, and a new one is created', async (t) => {
  const { history, file, asides } = open(t);
  writeFileSync(file, 'not a database, but long enough to be taken for one'.repeat(100));
  await assert.rejects(history.insert('traffic', [trafficRow()]), HistoryError);
  await history.insert('traffic', [trafficRow()]);
  assert.deepEqual(asides, [`${file}.aside`]);
  assert.match(readFileSync(asides[0], 'latin1'), /^not a database/);
  assert.equal((await history.traffic(trafficOf())).length, 1);
});

test('a database with damaged pages is put aside when a damaged page is read', async (t) => {
  const { history, file, asides } = open(t);
  const rows = Array.from({ length: 5000 }, (_, i) => trafficRow({ target: `192.0.${i >> 8}.${i & 255}` }));
  await history.insert('traffic', rows);
  await history.close();
  const bytes = readFileSync(file);
  bytes.fill(0x5a, 4096 * 3);
  writeFileSync(file, bytes);
  truncateSync(file, bytes.length - 5000);
  const again = open(t, file);
  await assert.rejects(again.history.insert('traffic', rows), HistoryError);
  await again.history.insert('traffic', rows);
  assert.equal(again.asides.length, 1);
  assert.ok(existsSync(`${file}.aside`));
  assert.equal(asides.length, 0);
  assert.equal((await again.history.traffic(trafficOf({ target: '192.0.1.1' }))).length, 1);
});

test('a full disk is an outage, after which rows are stored again', async (t) => {
  const { history, file } = open(t);
  await history.insert('audit_events', [auditRow(1)]);
  await history.close();
  // A directory in the place of the file: it can be neither opened nor made.
  const blocked = open(t, path.join(file, 'history.db'));
  await assert.rejects(blocked.history.insert('audit_events', [auditRow(2)]), (error) => {
    assert.ok(error instanceof HistoryError);
    assert.equal(error.fault, 'unavailable');
    return true;
  });
  assert.deepEqual(blocked.asides, []);
});

test('values that no table accepts are refused as rows, not as an outage', async (t) => {
  const { history } = open(t);
  const wrong = [Number.NaN, Number.POSITIVE_INFINITY, 1e300, 1.5, 10n ** 30n, undefined, {}, Symbol('x')];
  const refused = (error: unknown) => error instanceof HistoryError && error.fault === 'refused';
  for (const value of wrong as number[]) {
    await assert.rejects(history.insert('traffic', [trafficRow({ time: value })]), refused);
    await assert.rejects(history.insert('audit_events', [auditRow(1, { eventTime: value })]), refused);
    await assert.rejects(history.insert('attack_events', [attackRow({ endedAt: value })]), refused);
  }
});

test('a query over ten thousand years is answered within seconds', async (t) => {
  const { history } = open(t);
  await history.insert('traffic', [trafficRow()]);
  const began = performance.now();
  for (const [from, to] of [
    [-62_000_000_000_000, 253_000_000_000_000],
    [0, Number.POSITIVE_INFINITY],
    [Number.NEGATIVE_INFINITY, Number.MAX_VALUE],
  ]) {
    const points = await history.traffic(trafficOf({ from, to, stepSeconds: 1 }));
    assert.equal(points.length, 1);
  }
  assert.deepEqual(await history.traffic(trafficOf({ from: Number.NaN })), []);
  assert.ok(performance.now() - began < 5000);
});

test('history leaves the rest of a nearly full disk to the bans, and events are dropped last', async (t) => {
  let freeBytes = 20 * 1_048_576;
  const diskSpace = () => ({ totalBytes: 400 * 1_048_576, freeBytes });
  const { history } = open(t, undefined, { diskSpace });
  await history.insert('traffic', [trafficRow()]);
  const full = (error: unknown) => error instanceof HistoryError && error.fault === 'full';
  freeBytes = 19 * 1_048_576;
  await assert.rejects(history.insert('traffic', [trafficRow({ time: T0 + 10_000 })]), full);
  await history.insert('audit_events', [auditRow(1)]);
  freeBytes = 4 * 1_048_576;
  await assert.rejects(history.insert('audit_events', [auditRow(2)]), full);
  await assert.rejects(history.insert('attack_events', [attackRow()]), full);
  freeBytes = 30 * 1_048_576;
  await history.insert('traffic', [trafficRow({ time: T0 + 10_000 })]);
  assert.equal((await history.traffic(trafficOf())).length, 2);
});

test('a FIFO in the place of the file is an outage, not a wait', async (t) => {
  const file = path.join(stateDirectory(t), 'history.db');
  execFileSync('mkfifo', [file]);
  await assert.rejects(open(t, file).history.insert('traffic', [trafficRow()]), /a FIFO and must be a regular file/);
});
