import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addLatencies,
  LATENCY_BOUNDS_SECONDS,
  LatencyHistogram,
  NO_LATENCY,
} from '../../src/ingest/latencyHistogram.ts';

test('each flow of the datagrams counts once, in the bucket of the time for one flow', () => {
  const histogram = new LatencyHistogram();
  histogram.observe(0.0027, 30);
  const { counts, sumSeconds, count } = histogram.snapshot();
  assert.equal(counts[LATENCY_BOUNDS_SECONDS.indexOf(100e-9)], 30);
  assert.equal(count, 30);
  assert.ok(Math.abs(sumSeconds - 2.7e-6) < 1e-15);
});

test('datagrams without flows are no observation', () => {
  const histogram = new LatencyHistogram();
  histogram.observe(1, 0);
  assert.deepEqual(histogram.snapshot(), NO_LATENCY);
});

test('each observation is in the one bucket between whose bounds it lies', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 100, noNaN: true }), fc.integer({ min: 1, max: 1000 }), (elapsedMs, flows) => {
      const histogram = new LatencyHistogram();
      histogram.observe(elapsedMs, flows);
      const { counts } = histogram.snapshot();
      const bucket = counts.indexOf(flows);
      const lower = bucket === 0 ? -1 : LATENCY_BOUNDS_SECONDS[bucket - 1];
      const upper = LATENCY_BOUNDS_SECONDS[bucket] ?? Number.POSITIVE_INFINITY;
      const seconds = elapsedMs / flows / 1000;
      const rounding = 1e-12;
      assert.ok(seconds > lower * (1 - rounding) && seconds <= upper * (1 + rounding));
      assert.equal(
        counts.reduce((sum, count) => sum + count, 0),
        flows,
      );
    }),
  );
});

test('histograms add up', () => {
  const [a, b, both] = [new LatencyHistogram(), new LatencyHistogram(), new LatencyHistogram()];
  for (const histogram of [a, both]) histogram.observe(0.5, 3);
  for (const histogram of [b, both]) histogram.observe(0.001, 40);
  assert.deepEqual(addLatencies(a.snapshot(), b.snapshot()), both.snapshot());
});
