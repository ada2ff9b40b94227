/*
 * The traffic of all hosts at one time, for the history: the rates of the hosts with most packets, and the sums of all
 * groups. Like TopHostsScan, it works in steps.
 */
import { TOTAL_COUNT } from '../trafficMetrics.ts';
import { GROUP_AND_FLAGS, GROUP_MASK, type HostTable } from './hostTable.ts';
import type { RateWindow } from './rateWindow.ts';
import { TopHostsScan } from './topHosts.ts';

export class TrafficScan extends TopHostsScan {
  /** `TOTAL_COUNT` a group, by its number; complete when the scan is done. */
  readonly groupRates: Float64Array<ArrayBuffer>;

  /** `limit`: hosts whose own rates are kept. */
  constructor(limit: number, groupCount: number, table: HostTable) {
    super({ metric: 'pps', limit }, table);
    this.groupRates = new Float64Array(TOTAL_COUNT * groupCount);
  }

  protected override visit(window: RateWindow, table: HostTable, slot: number, packetsPerSecond: number): void {
    const at = TOTAL_COUNT * (table.word(slot, GROUP_AND_FLAGS) & GROUP_MASK);
    this.groupRates[at] += packetsPerSecond;
    for (let metric = 1; metric < TOTAL_COUNT; metric++) {
      this.groupRates[at + metric] += window.rateOf(table, slot, metric);
    }
  }
}
