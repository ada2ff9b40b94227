import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HostTable, IN_PROGRESS, LAST_BUCKET, ROW_VALUES, ROW_WORDS } from '../../src/engine/hostTable.ts';
import { RateWindow } from '../../src/engine/rateWindow.ts';
import { METRIC_COUNT, METRICS } from '../../src/trafficMetrics.ts';

const PPS = METRICS.indexOf('pps');
const WINDOW_SECONDS = 4;
const BUCKET_MS = 1000;
/** A multiple of the bucket's length. */
const START = 1_700_000_000_000;

/** One host, with packets written as accounting writes them. */
function hostUnder(window: RateWindow) {
  const table = new HostTable(4, 1);
  const slot = table.add(0, 0, 0xffff, 1, 0);
  const count = (packets: number) => {
    if (table.words[slot * ROW_WORDS + LAST_BUCKET] !== window.bucket) window.roll(table, slot);
    table.values[slot * ROW_VALUES + IN_PROGRESS + PPS] += packets;
  };
  const rate = () => window.rateOf(table, slot, PPS);
  return { table, slot, count, rate };
}

test('a rate is the packets of the window, with the part of the oldest bucket that is still in it', () => {
  const steps = fc.array(fc.record({ waitMs: fc.integer({ min: 0, max: 7000 }), packets: fc.nat(1000) }), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(steps, (history) => {
      const window = new RateWindow(WINDOW_SECONDS, START);
      const { table, slot, count, rate } = hostUnder(window);
      const counted: { readonly bucket: number; readonly packets: number }[] = [];
      let now = START;
      for (const { waitMs, packets } of history) {
        now += waitMs;
        window.advance(now);
        const inProgress = Math.floor((now - START) / BUCKET_MS);
        const elapsed = (now - START - inProgress * BUCKET_MS) / BUCKET_MS;
        counted.push({ bucket: inProgress, packets });
        count(packets);
        const expected = counted.reduce((sum, { bucket, packets: counts }) => {
          const age = inProgress - bucket;
          if (age > WINDOW_SECONDS) return sum;
          return sum + counts * (age === WINDOW_SECONDS ? 1 - elapsed : 1);
        }, 0);
        assert.ok(Math.abs(rate() - expected / WINDOW_SECONDS) < 1e-6, `${rate()} at ${now - START} ms`);
        const all = new Float64Array(METRIC_COUNT);
        window.ratesOf(table, slot, all);
        assert.ok(Math.abs(all[PPS] - rate()) < 1e-9, 'both ways to read a rate agree');
      }
    }),
  );
});

test('a steady rate is measured exactly at any time once the window is full', () => {
  const window = new RateWindow(WINDOW_SECONDS, START);
  const { count, rate } = hostUnder(window);
  for (let ms = 0; ms < 20_000; ms += 10) {
    window.advance(START + ms);
    if (ms > 6000) assert.ok(Math.abs(rate() - 1000) < 11, `${rate()} at ${ms} ms`);
    count(10);
  }
});

test('time that is set back counts as the latest time, and what was filled in reads as it was given', () => {
  const window = new RateWindow(WINDOW_SECONDS, START);
  const { table, slot, count, rate } = hostUnder(window);
  window.advance(START + 5000);
  count(400);
  window.advance(START - 60_000);
  assert.equal(rate(), 100);
  const rates = new Float64Array(METRIC_COUNT).fill(50);
  window.fill(table, slot, rates);
  assert.ok(Math.abs(rate() - 50) < 1e-9);
});
