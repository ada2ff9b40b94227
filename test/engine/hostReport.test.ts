import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type HostReport, HostReportWriter, mergeTopHosts } from '../../src/engine/hostReport.ts';
import { METRIC_COUNT } from '../../src/trafficMetrics.ts';

/** A report of hosts by the last word of their address, each with one rate in all metrics. */
function reportOf(ratesByHost: ReadonlyMap<number, number>): HostReport {
  const writer = new HostReportWriter();
  for (const [host, rate] of ratesByHost) {
    const rates = new Float64Array(METRIC_COUNT).fill(rate);
    writer.append(0, 0, 0xffff, host, host % 3, 0, rates, new Float64Array(2).fill(rate), new Float64Array(0));
  }
  return writer.report(ratesByHost.size, 0);
}

test('the merged list has the sums over all workers, of every metric', () => {
  const rates = fc
    .array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 1000 })), { maxLength: 30 })
    .map((entries) => new Map(entries));
  const metric = fc.integer({ min: 0, max: METRIC_COUNT - 1 });
  fc.assert(
    fc.property(fc.array(rates, { maxLength: 4 }), fc.integer({ min: 1, max: 50 }), metric, (workers, limit, by) => {
      const sums = new Map<number, number>();
      for (const worker of workers) {
        for (const [host, rate] of worker) sums.set(host, (sums.get(host) ?? 0) + rate);
      }
      const expected = [...sums].sort((a, b) => b[1] - a[1]).slice(0, limit);
      // The list of a single worker is returned as it is.
      fc.pre(workers.length !== 1);
      const merged = mergeTopHosts(workers.map(reportOf), by, limit);
      assert.equal(merged.count, expected.length);
      for (let i = 0; i < merged.count; i++) {
        const host = merged.addresses[4 * i + 3];
        const row = merged.rates.subarray(METRIC_COUNT * i, METRIC_COUNT * (i + 1));
        assert.equal(merged.groups[i], host % 3);
        assert.deepEqual([...row], new Array(METRIC_COUNT).fill(sums.get(host)));
        assert.equal(row[by], expected[i][1]);
      }
    }),
  );
});
