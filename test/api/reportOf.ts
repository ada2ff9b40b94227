import type { HostReport } from '../../src/engine/hostReport.ts';
import { METRIC_COUNT } from '../../src/trafficMetrics.ts';
import { address } from '../fixtures/addressFixture.ts';

/** Hosts in the form the receiving threads report them; `rates` in the order of METRICS, zeros left out at the end. */
export function reportOf(
  now: number,
  hosts: readonly { target: string; group: number; rates: readonly number[] }[],
): HostReport {
  const report = {
    now,
    count: hosts.length,
    addresses: new Uint32Array(4 * hosts.length),
    groups: new Uint16Array(hosts.length),
    rates: new Float64Array(METRIC_COUNT * hosts.length),
    variances: new Float64Array(2 * hosts.length).fill(4),
    flags: new Uint8Array(hosts.length),
    columns: [],
    series: new Float32Array(0),
    bucketStartMs: now,
  };
  hosts.forEach(({ target, group, rates }, row) => {
    const { word0, word1, word2, word3 } = address(target);
    report.addresses.set([word0, word1, word2, word3], 4 * row);
    report.groups[row] = group;
    report.rates.set(rates, METRIC_COUNT * row);
  });
  return report;
}
