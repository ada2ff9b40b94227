import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { HistoryTable, TrafficRow } from '../../../src/storage/history/historyRows.ts';
import { HistoryError, type HistoryFault } from '../../../src/storage/history/historyStore.ts';
import { type HistoryLogLine, HistoryWriter, type WriterLimits } from '../../../src/storage/history/historyWriter.ts';
import { T0, trafficRow } from './historyFixture.ts';

/** A store with faults that the test sets. It knows tokens, as the real ones do. */
class FlakyStore {
  readonly stored: unknown[] = [];
  readonly batches: number[] = [];
  readonly #tokens = new Set<string>();
  readonly #faults: (HistoryFault | 'answer lost' | undefined)[];
  attempts = 0;

  constructor(faults: (HistoryFault | 'answer lost' | undefined)[] = []) {
    this.#faults = faults;
  }

  async insert(_table: HistoryTable, rows: readonly unknown[], token: string): Promise<void> {
    this.attempts++;
    const fault = this.#faults.shift();
    // What it has taken once it does not refuse the next time.
    if (fault === 'refused' && this.#tokens.has(token)) return;
    if (fault === 'unavailable' || fault === 'refused' || fault === 'full') throw new HistoryError(fault, 'told to');
    if (!this.#tokens.has(token)) {
      this.stored.push(...rows);
      this.batches.push(rows.length);
    }
    this.#tokens.add(token);
    if (fault === 'answer lost') throw new HistoryError('unavailable', 'the answer was lost');
  }
}

const LIMITS: WriterLimits = { queueSize: 100, batchSize: 1000, maxBatchSize: 30, flushIntervalMs: 60_000 };

function writerOn(backend: FlakyStore, limits: Partial<WriterLimits> = {}) {
  const lines: HistoryLogLine[] = [];
  const delays: number[] = [];
  let now = 0;
  const writer = new HistoryWriter({
    ...LIMITS,
    ...limits,
    backend,
    onLog: (line) => lines.push(line),
    now: () => now,
    delay: async (ms) => {
      delays.push(ms);
      now += ms;
    },
  });
  return { writer, lines, delays };
}

function rowsOf(count: number): TrafficRow[] {
  return Array.from({ length: count }, (_, i) => trafficRow({ time: T0 + i }));
}

test('rows count as written only after the store has them, in batches of the largest size allowed', async () => {
  const store = new FlakyStore();
  const { writer } = writerOn(store);
  writer.add('traffic', rowsOf(70));
  assert.equal(writer.counts().traffic.written, 0);
  await writer.stop();
  assert.deepEqual(writer.counts().traffic, { written: 70, dropped: 0, error: 0 });
  assert.deepEqual(store.batches, [30, 30, 10]);
});

test('a full batch does not wait for the flush', async () => {
  const store = new FlakyStore();
  const { writer } = writerOn(store, { batchSize: 20 });
  writer.add('traffic', rowsOf(19));
  await new Promise(setImmediate);
  assert.equal(store.attempts, 0);
  writer.add('traffic', rowsOf(1));
  await new Promise(setImmediate);
  assert.equal(writer.counts().traffic.written, 20);
  await writer.stop();
});

test('rows that do not fit the queue are dropped, counted and logged once', async () => {
  const { writer, lines } = writerOn(new FlakyStore());
  writer.add('traffic', rowsOf(150));
  writer.add('traffic', rowsOf(10));
  await writer.stop();
  assert.deepEqual(writer.counts().traffic, { written: 100, dropped: 60, error: 0 });
  assert.equal(lines.filter(({ level }) => level === 'warn').length, 1);
});

test('writes are retried during an outage with growing pauses, and its start and end are logged', async () => {
  const store = new FlakyStore(['unavailable', 'unavailable', 'answer lost', 'unavailable']);
  const { writer, lines, delays } = writerOn(store);
  writer.add('traffic', rowsOf(5));
  await writer.flush();
  assert.deepEqual(writer.counts().traffic, { written: 5, dropped: 0, error: 0 });
  assert.equal(store.stored.length, 5, 'the batch whose answer was lost is not stored twice');
  assert.deepEqual(delays, [500, 1000, 2000, 4000]);
  assert.deepEqual(
    lines.map(({ level }) => level),
    ['error', 'info'],
  );
  assert.equal(lines[1].fields.seconds, 8, 'the length of the outage by the time that was given');
  await writer.stop();
});

/** Takes every batch but those that hold a row of one of these times. */
class ParticularStore extends FlakyStore {
  readonly #bad: ReadonlySet<number>;
  readonly #error: Error;

  constructor(bad: readonly number[], error: Error = new HistoryError('refused', 'no such value')) {
    super();
    this.#bad = new Set(bad);
    this.#error = error;
  }

  override async insert(table: HistoryTable, rows: readonly unknown[], token: string): Promise<void> {
    if ((rows as readonly TrafficRow[]).some(({ time }) => this.#bad.has(time))) {
      this.attempts++;
      throw this.#error;
    }
    await super.insert(table, rows, token);
  }
}

test('a row that the store refuses is an error, and the rows beside it are written', async () => {
  for (const error of [new HistoryError('refused', 'no such value'), new RangeError('nobody foresaw this')]) {
    const store = new ParticularStore([T0, T0 + 7, T0 + 24], error);
    const { writer, lines, delays } = writerOn(store);
    writer.add('traffic', rowsOf(25));
    await writer.flush();
    assert.deepEqual(writer.counts().traffic, { written: 22, dropped: 0, error: 3 });
    assert.equal(store.stored.length, 22);
    assert.deepEqual(delays, [], 'nothing is gained by waiting');
    assert.equal(lines.length, 1, 'one line for all of them');
    await writer.stop();
  }
});

test('with a store that refuses everything, the number of attempts for each batch is bounded', async () => {
  const all = Array.from({ length: 5000 }, (_, i) => T0 + i);
  const store = new ParticularStore(all);
  const { writer } = writerOn(store, { queueSize: 5000, maxBatchSize: 5000 });
  writer.add('traffic', rowsOf(5000));
  await writer.flush();
  assert.deepEqual(writer.counts().traffic, { written: 0, dropped: 0, error: 5000 });
  assert.ok(store.attempts < 1000, String(store.attempts));
  await writer.stop();
});

test('rows without disk space are dropped at once, and later ones are written', async () => {
  const store = new FlakyStore(['full']);
  const { writer, delays } = writerOn(store);
  writer.add('traffic', rowsOf(40));
  await writer.flush();
  assert.deepEqual(writer.counts().traffic, { written: 10, dropped: 30, error: 0 });
  assert.deepEqual(delays, []);
  await writer.stop();
});

test('a stop tries once more and drops the rest', async () => {
  const store = new FlakyStore(Array(1000).fill('unavailable'));
  const { writer } = writerOn(store);
  writer.add('traffic', rowsOf(40));
  await writer.stop();
  assert.deepEqual(writer.counts().traffic, { written: 0, dropped: 40, error: 0 });
});

test('every row is written, dropped or refused exactly once, and what was written is stored once', async () => {
  const fault = fc.constantFrom('unavailable', 'refused', 'full', 'answer lost', undefined);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fault),
      fc.array(fc.nat(80)),
      fc.integer({ min: 1, max: 40 }),
      async (faults, adds, max) => {
        const store = new FlakyStore([...faults]);
        const { writer } = writerOn(store, { maxBatchSize: max, batchSize: max });
        let added = 0;
        for (const count of adds) {
          writer.add('traffic', rowsOf(count));
          added += count;
          await Promise.resolve();
        }
        await writer.flush();
        await writer.stop();
        const { written, dropped, error } = writer.counts().traffic;
        assert.equal(written + dropped + error, added);
        assert.ok(store.stored.length >= written && store.stored.length <= written + error + dropped);
      },
    ),
    { numRuns: 100 },
  );
});
