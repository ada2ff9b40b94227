import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { ClickhouseHistory } from '../../../src/storage/clickhouse/clickhouseHistory.ts';
import { boundedRow } from '../../../src/storage/history/boundedRow.ts';
import type { HistoryTable, RowOf } from '../../../src/storage/history/historyRows.ts';
import { boundedTrafficQuery, type HistoryBackend, MAX_POINTS } from '../../../src/storage/history/historyStore.ts';
import { HistoryWriter } from '../../../src/storage/history/historyWriter.ts';
import { SqliteHistory } from '../../../src/storage/history/sqliteHistory.ts';
import { Chdb, requireChdb } from '../clickhouse/chdb.ts';
import { stateDirectory } from '../stateDirectory.ts';
import { attackRow, auditRow, T0, trafficOf, trafficRow } from './historyFixture.ts';

const GOOD = { attack_events: attackRow(), traffic: trafficRow(), audit_events: auditRow(1) } as const;

/** What a forged record, a bug or a caller of the API may put into a field. */
const FORGED: readonly unknown[] = [
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300, -1, 1.5, 2 ** 60, 10n ** 30n],
  ...[undefined, null, {}, [], Symbol('x'), true, 'a\0b', '\ud800', 'x'.repeat(100_000), '\n{"level":30}'],
];

/** One row for each field and forged value, among good ones. */
function forgedRows<Table extends HistoryTable>(table: Table): RowOf[Table][] {
  const good: RowOf[Table] = GOOD[table];
  return Object.keys(good).flatMap((field) => FORGED.map((value): RowOf[Table] => ({ ...good, [field]: value })));
}

async function assertAllTaken(backend: HistoryBackend): Promise<void> {
  const writer = new HistoryWriter({
    ...{ queueSize: 100_000, batchSize: 1000, maxBatchSize: 1000, flushIntervalMs: 60_000 },
    backend,
    now: () => performance.now(),
    onLog: () => {},
    delay: async () => {},
  });
  let rows = 0;
  for (const table of ['attack_events', 'traffic', 'audit_events'] as const) {
    const forged = forgedRows(table);
    writer.add(table, forged);
    await writer.flush();
    assert.deepEqual(writer.counts()[table], { written: forged.length, dropped: 0, error: 0 }, table);
    rows += forged.length;
  }
  assert.ok(rows > 500);
  await writer.stop();
}

test('the embedded history accepts every forged value within its bounds', async (t) => {
  await assertAllTaken(sqliteHistory(t));
});

test('ClickHouse accepts every forged value within its bounds', async (t) => {
  const folder = requireChdb(t);
  if (folder === undefined) return;
  const server = new Chdb(t, folder);
  await server.start();
  const clickhouse = { database: 'kapkan_test', username: 'default', password: '', ttlDays: 7, cluster: undefined };
  const limits = { flushIntervalSeconds: 1, batchSize: 1000, queueSize: 100_000, trafficIntervalSeconds: 10 };
  const history = new ClickhouseHistory({ url: server.url, ...clickhouse, ...limits }, () => T0);
  t.after(() => history.close());
  await assertAllTaken(history);
});

test('a row whose values are in range stays as it is', () => {
  for (const table of ['attack_events', 'traffic', 'audit_events'] as const) {
    assert.deepEqual(boundedRow(GOOD[table]), GOOD[table]);
  }
});

test('every traffic query is bounded, and a usual one is not changed', () => {
  const now = T0;
  assert.deepEqual(boundedTrafficQuery(trafficOf(), 7, now), trafficOf());
  fc.assert(
    fc.property(fc.double(), fc.double(), fc.double(), fc.integer({ min: 1, max: 3650 }), (from, to, step, days) => {
      const query = boundedTrafficQuery(trafficOf({ from, to, stepSeconds: step }), days, now);
      if (query === undefined) return;
      assert.ok(Number.isSafeInteger(query.from) && Number.isSafeInteger(query.to) && query.from < query.to);
      assert.ok(query.to - query.from <= (days + 2) * 86_400_000);
      assert.ok(Number.isSafeInteger(query.stepSeconds) && query.stepSeconds >= 1);
      assert.ok((query.to - query.from) / 1000 / query.stepSeconds <= MAX_POINTS);
    }),
  );
});

function sqliteHistory(t: TestContext): SqliteHistory {
  const file = path.join(stateDirectory(t), 'history.db');
  const history = new SqliteHistory({ file, retentionDays: 2, now: () => T0, onPutAside: () => {} });
  t.after(() => history.close());
  return history;
}
