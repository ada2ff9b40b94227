/*
 * Merges the workers' lists of the busiest hosts into one. A host whose traffic several workers see is in each list with
 * a part of its rates, so its rates are added before the hosts are sorted.
 */
import { type HostReport, HostReportWriter } from '../engine/hostReport.ts';
import { METRIC_COUNT } from '../trafficMetrics.ts';

interface Row {
  readonly report: HostReport;
  readonly index: number;
  readonly rates: Float64Array;
}

/** The `limit` hosts with the largest sum of the metric, largest first. A single report is returned as it is. */
export function mergeTopHosts(reports: readonly HostReport[], metric: number, limit: number): HostReport {
  if (reports.length === 1) return reports[0];
  const rows = new Map<string, Row>();
  for (const report of reports) {
    for (let index = 0; index < report.count; index++) {
      const rates = report.rates.subarray(METRIC_COUNT * index, METRIC_COUNT * (index + 1));
      const key = report.addresses.subarray(4 * index, 4 * index + 4).join();
      const row = rows.get(key);
      if (row === undefined) rows.set(key, { report, index, rates: rates.slice() });
      else for (let i = 0; i < METRIC_COUNT; i++) row.rates[i] += rates[i];
    }
  }
  const writer = new HostReportWriter();
  const largest = [...rows.values()].sort((a, b) => b.rates[metric] - a.rates[metric]).slice(0, limit);
  for (const { report, index, rates } of largest) {
    const [word0, word1, word2, word3] = report.addresses.subarray(4 * index, 4 * index + 4);
    writer.append(word0, word1, word2, word3, report.groups[index], rates);
  }
  return writer.report(Math.max(0, ...reports.map(({ now }) => now)));
}
