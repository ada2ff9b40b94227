import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nextSample, type SampleTime } from '../../../src/daemon/trafficSampler.ts';
import { HostTable } from '../../../src/engine/hostTable.ts';
import { RateWindow } from '../../../src/engine/rateWindow.ts';
import { TrafficScan } from '../../../src/engine/topHosts.ts';
import { METRIC_COUNT } from '../../../src/trafficMetrics.ts';

test('the samples of an interval cover it without a gap, the last one at its end', () => {
  const seconds = fc.integer({ min: 1, max: 60 });
  fc.assert(
    fc.property(seconds, seconds, fc.integer({ min: 0, max: 2e12 }), (interval, window, from) => {
      const samples: SampleTime[] = [];
      let now = from;
      // Whole intervals only: the one that `from` lies in has begun before.
      while (samples.filter(({ isLast }) => isLast).length < 3) {
        const next = nextSample(now, interval, window);
        assert.ok(next.at > now);
        now = next.at;
        samples.push(next);
      }
      const whole = samples.slice(samples.findIndex(({ isLast }) => isLast) + 1);
      let before = whole[0].intervalStart;
      for (const { at, intervalStart, isLast } of whole) {
        assert.equal(intervalStart % (interval * 1000), 0);
        assert.ok(at - before <= window * 1000 + 1e-3, 'no moment is outside every window');
        assert.ok(at > intervalStart && at <= intervalStart + interval * 1000 + 1e-3);
        assert.equal(isLast, Math.abs(at - intervalStart - interval * 1000) < 1e-3);
        before = at;
      }
    }),
  );
});

test('a scan names the hosts with most packets, and sums the groups over all hosts', () => {
  const table = new HostTable(1000, 1);
  const window = new RateWindow(4, 0);
  const rates = new Float64Array(METRIC_COUNT);
  for (let host = 1; host <= 100; host++) {
    const slot = table.add(0, 0, 0xffff, host, host % 2);
    rates.fill(0);
    rates.set([host, host / 10, 1]);
    window.fill(table, slot, rates);
  }
  const scan = new TrafficScan(3, 2, table);
  const traffic = {
    rateOf: (slot: number, metric: number) => window.rateOf(table, slot, metric),
    ratesOf: (slot: number, all: Float64Array) => window.ratesOf(table, slot, all),
  };
  while (!scan.done) scan.step(traffic, 7);
  assert.equal(scan.slots().length, 3);
  const sums = [...scan.groupRates].map((rate) => Math.round(rate * 100) / 100);
  // Even hosts are in group 0, odd ones in group 1.
  assert.deepEqual(sums, [2550, 255, 50, 2500, 250, 50]);
});
