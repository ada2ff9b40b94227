import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClickhouseConfig } from '../../../src/config/sections/storage.ts';
import { ClickhouseHistory } from '../../../src/storage/clickhouse/clickhouseHistory.ts';
import { schemaStatements } from '../../../src/storage/clickhouse/clickhouseSchema.ts';
import { HistoryError } from '../../../src/storage/history/historyStore.ts';
import { HistoryWriter } from '../../../src/storage/history/historyWriter.ts';
import { attackRow, auditRow, checkBackend, T0, trafficOf, trafficRow } from '../history/historyFixture.ts';
import { Chdb, requireChdb } from './chdb.ts';

function configOf(url: string, changes: Partial<ClickhouseConfig> = {}): ClickhouseConfig {
  return {
    url,
    database: 'kapkan_test',
    username: 'default',
    password: '',
    ttlDays: 7,
    flushIntervalSeconds: 1,
    batchSize: 1000,
    queueSize: 100_000,
    trafficIntervalSeconds: 10,
    cluster: undefined,
    ...changes,
  };
}

async function running(t: TestContext): Promise<Chdb | undefined> {
  const folder = requireChdb(t);
  if (folder === undefined) return undefined;
  const server = new Chdb(t, folder);
  await server.start();
  return server;
}

function historyOn(t: TestContext, server: Chdb): ClickhouseHistory {
  const history = new ClickhouseHistory(configOf(server.url), () => T0);
  t.after(() => history.close());
  return history;
}

test('ClickHouse keeps rows and gives the same answers as the embedded history', async (t) => {
  const server = await running(t);
  if (server === undefined) return;
  await checkBackend(historyOn(t, server));
});

test('the tables are partitioned by day, expire, and survive a second start with another TTL', async (t) => {
  const server = await running(t);
  if (server === undefined) return;
  const history = historyOn(t, server);
  const days = [0, 1, 2].map((day) => trafficRow({ time: T0 - day * 86_400_000 }));
  await history.insert('traffic', days, 'days');
  const partitions = "SELECT uniq(partition) FROM system.parts WHERE active AND table = 'traffic'";
  assert.equal(await server.number(partitions), 3);
  const again = new ClickhouseHistory(configOf(server.url, { ttlDays: 30 }), () => T0);
  t.after(() => again.close());
  await again.insert('audit_events', [auditRow(1)], 'audit');
  await again.insert('attack_events', [attackRow()], 'attack');
  for (const table of ['traffic', 'attack_events', 'audit_events']) {
    const made = await server.text(`SHOW CREATE TABLE kapkan_test.${table}`);
    assert.match(made, /TTL .*toIntervalDay\(30\)/, table);
    assert.match(made, /ENGINE = MergeTree/, table);
  }
});

test('a batch whose answer was lost is stored once, and counted once', async (t) => {
  const server = await running(t);
  if (server === undefined) return;
  const history = historyOn(t, server);
  await history.insert('audit_events', [auditRow(1)], 'schema');
  await server.behave({ loseAnswers: 3 });
  const delays: number[] = [];
  const writer = new HistoryWriter({
    ...{ queueSize: 1000, batchSize: 100, maxBatchSize: 500, flushIntervalMs: 60_000 },
    backend: history,
    now: () => performance.now(),
    onLog: () => {},
    delay: async (ms) => void delays.push(ms),
  });
  // Of two days, so that one insert makes two parts.
  writer.add(
    'traffic',
    Array.from({ length: 50 }, (_, i) => trafficRow({ target: `192.0.2.${i}`, time: T0 - (i % 2) * 86_400_000 })),
  );
  await writer.flush();
  assert.ok(delays.length >= 1);
  assert.deepEqual(writer.counts().traffic, { written: 50, dropped: 0, error: 0 });
  assert.equal(await server.number('SELECT count() FROM kapkan_test.traffic'), 50);
  await writer.stop();
});

test('rows wait while the server is slow or down and are all there when it is back', async (t) => {
  const server = await running(t);
  if (server === undefined) return;
  const history = historyOn(t, server);
  const lines: string[] = [];
  const writer = new HistoryWriter({
    ...{ queueSize: 10_000, batchSize: 100, maxBatchSize: 1000, flushIntervalMs: 20 },
    backend: history,
    now: () => performance.now(),
    onLog: ({ message }) => lines.push(message),
    delay: () => sleep(50),
  });
  let number = 0;
  const add = (): void =>
    writer.add(
      'audit_events',
      Array.from({ length: 500 }, () => auditRow(++number)),
    );
  await server.behave({ delayMs: 200 });
  add();
  await writer.flush();
  assert.equal(writer.counts().audit_events.written, 500);
  await server.kill();
  add();
  await assert.rejects(
    history.traffic(trafficOf()),
    (error) => error instanceof HistoryError && error.fault === 'unavailable',
  );
  assert.equal(writer.counts().audit_events.written, 500, 'nothing is claimed that the server did not say');
  await server.start();
  add();
  await writer.flush();
  assert.deepEqual(writer.counts().audit_events, { written: 1500, dropped: 0, error: 0 });
  assert.equal(await server.number('SELECT count() FROM kapkan_test.audit_events'), 1500);
  assert.ok(lines.some((line) => line.includes('cannot be written')));
  assert.ok(lines.some((line) => line.includes('can be written again')));
  await writer.stop();
});

test('tables that were dropped are created again', async (t) => {
  const server = await running(t);
  if (server === undefined) return;
  const history = historyOn(t, server);
  await history.insert('traffic', [trafficRow()], 'one');
  await server.text('DROP DATABASE kapkan_test');
  await assert.rejects(history.insert('traffic', [trafficRow()], 'two'), HistoryError);
  await history.insert('traffic', [trafficRow()], 'two');
  assert.equal(await server.number('SELECT count() FROM kapkan_test.traffic'), 1);
});

test('on a cluster the statements are replicated tables with a Distributed one in front, as the engine reads them', async (t) => {
  const statements = schemaStatements(configOf('http://localhost', { cluster: 'prod' }));
  assert.equal(statements.filter((sql) => /ReplicatedMergeTree\(/.test(sql)).length, 3);
  assert.equal(statements.filter((sql) => /ENGINE = Distributed\(`prod`/.test(sql)).length, 3);
  for (const sql of statements) assert.match(sql, /ON CLUSTER `prod`/);
  const server = await running(t);
  if (server === undefined) return;
  for (const sql of statements) {
    const tree = await server.text(`EXPLAIN AST ${sql}`);
    assert.doesNotMatch(tree, /Exception/, sql);
  }
});
