/*
 * Reports of host rates, as a receiving thread posts them to the main thread, and their sum over all threads. A report
 * is a few flat arrays, made fresh for each report so that they can be transferred instead of copied.
 */
import { METRIC_COUNT, METRICS, type Rates, TOTAL_COUNT } from '../trafficMetrics.ts';
import { grown } from './grownColumn.ts';
import { BUCKET_VALUES } from './trafficCounters.ts';
import { HISTORY_BUCKETS } from './trafficHistory.ts';

export interface HostReport {
  /** Clock time of the rates, in the clock of the thread that made the report. */
  readonly now: number;
  readonly count: number;
  /** Four words for each host, most significant first. */
  readonly addresses: Uint32Array<ArrayBuffer>;
  /** Group numbers. */
  readonly groups: Uint16Array<ArrayBuffer>;
  /** `METRIC_COUNT` values for each host, in the order and units of METRICS. */
  readonly rates: Float64Array<ArrayBuffer>;
  /** Two values for each host: the variances of the estimates of its `pps` and `mbps`. */
  readonly variances: Float64Array<ArrayBuffer>;
  /** `IS_OVER_ITS_PART` and `IS_TOLD_LATE`, or 0, for each host. */
  readonly flags: Uint8Array<ArrayBuffer>;
  /** Columns of a history (`trafficHistory.ts`) that `series` has; none where only rates were asked for. */
  readonly columns: readonly number[];
  /** For each host `HISTORY_BUCKETS` buckets, the oldest first, each with these columns. */
  readonly series: Float32Array<ArrayBuffer>;
  /** When the last bucket of the series began, in clock milliseconds. */
  readonly bucketStartMs: number;
  /**
   * Since when the thread cannot read the data of an exporter, in clock milliseconds; undefined where it can read all.
   */
  readonly unreadableSince?: number;
  /** Within this time every exporter of the thread reports a flow that goes on; 0 where all report at once. */
  readonly reportsWithinMs?: number;
}

/** In `HostReport.flags`: in some window the host is over a limit divided by the number of threads. */
export const IS_OVER_ITS_PART = 1;
/** The rates are of a window that ended earlier, because the host's traffic is reported late. */
export const IS_TOLD_LATE = 2;

/** The transfer list for posting the report. */
export function reportBuffers(report: HostReport): ArrayBuffer[] {
  const { addresses, groups, rates, variances, flags, series } = report;
  return [addresses.buffer, groups.buffer, rates.buffer, variances.buffer, flags.buffer, series.buffer];
}

/** Collects the rows of a report in arrays that are kept and grow; `report` copies the rows in use. */
export class HostReportWriter {
  count = 0;
  #capacity = 64;
  #addresses = new Uint32Array(4 * 64);
  #groups = new Uint16Array(64);
  #flags = new Uint8Array(64);
  #rates = new Float64Array(METRIC_COUNT * 64);
  #variances = new Float64Array(2 * 64);
  #columns: readonly number[] = [];
  #series = new Float32Array(0);

  /** Begins a report with these columns of each host's series. */
  clear(columns: readonly number[]): void {
    this.count = 0;
    this.#columns = columns;
    const values = this.#capacity * this.#seriesValues;
    if (this.#series.length !== values) this.#series = new Float32Array(values);
  }

  /** Copies what is given; `series` has all columns of a history. */
  append(
    word0: number,
    word1: number,
    word2: number,
    word3: number,
    group: number,
    flags: number,
    rates: Float64Array,
    variances: Float64Array,
    series: Float64Array,
  ): void {
    if (this.count === this.#capacity) this.#grow();
    const row = this.count++;
    this.#addresses.set([word0, word1, word2, word3], 4 * row);
    this.#groups[row] = group;
    this.#flags[row] = flags;
    this.#rates.set(rates.length === METRIC_COUNT ? rates : rates.subarray(0, METRIC_COUNT), METRIC_COUNT * row);
    this.#variances.set(variances, 2 * row);
    let at = row * this.#seriesValues;
    for (let place = 0; this.#columns.length > 0 && place < HISTORY_BUCKETS; place++) {
      for (let i = 0; i < this.#columns.length; i++)
        this.#series[at++] = series[place * BUCKET_VALUES + this.#columns[i]];
    }
  }

  report(now: number, bucketStartMs: number): HostReport {
    return {
      now,
      count: this.count,
      addresses: this.#addresses.slice(0, 4 * this.count),
      groups: this.#groups.slice(0, this.count),
      rates: this.#rates.slice(0, METRIC_COUNT * this.count),
      variances: this.#variances.slice(0, 2 * this.count),
      flags: this.#flags.slice(0, this.count),
      columns: this.#columns,
      series: this.#series.slice(0, this.count * this.#seriesValues),
      bucketStartMs,
    };
  }

  get #seriesValues(): number {
    return HISTORY_BUCKETS * this.#columns.length;
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#addresses = grown(this.#addresses, new Uint32Array(4 * this.#capacity));
    this.#groups = grown(this.#groups, new Uint16Array(this.#capacity));
    this.#flags = grown(this.#flags, new Uint8Array(this.#capacity));
    this.#rates = grown(this.#rates, new Float64Array(METRIC_COUNT * this.#capacity));
    this.#variances = grown(this.#variances, new Float64Array(2 * this.#capacity));
    this.#series = grown(this.#series, new Float32Array(this.#capacity * this.#seriesValues));
  }
}

/** Rates by name: the three totals always, the others where they are above 0. */
export function ratesOf(values: Float64Array): Rates {
  const rates: Record<string, number> = {};
  METRICS.forEach((metric, i) => {
    if (i < TOTAL_COUNT || values[i] > 0) rates[metric] = values[i];
  });
  return rates;
}

const NO_SERIES = new Float64Array(0);

/** A host in `mergeTopHosts`. */
interface MergedHost {
  readonly report: HostReport;
  readonly index: number;
  readonly rates: Float64Array;
  readonly variances: Float64Array;
}

/**
 * Merges the threads' lists of the busiest hosts: the `limit` hosts with the largest sum of the metric, largest first.
 * A host whose traffic several threads see is in each list with a part of its rates, so its rates are added before the
 * hosts are sorted. A single report is returned as it is.
 */
export function mergeTopHosts(reports: readonly HostReport[], metric: number, limit: number): HostReport {
  if (reports.length === 1) return reports[0];
  const rows = new Map<string, MergedHost>();
  for (const report of reports) {
    for (let index = 0; index < report.count; index++) {
      const rates = report.rates.subarray(METRIC_COUNT * index, METRIC_COUNT * (index + 1));
      const key = report.addresses.subarray(4 * index, 4 * index + 4).join();
      const variances = report.variances.subarray(2 * index, 2 * index + 2);
      const row = rows.get(key);
      if (row === undefined) {
        rows.set(key, { report, index, rates: rates.slice(), variances: variances.slice() });
        continue;
      }
      for (let i = 0; i < METRIC_COUNT; i++) row.rates[i] += rates[i];
      for (let i = 0; i < 2; i++) row.variances[i] += variances[i];
    }
  }
  const writer = new HostReportWriter();
  const largest = [...rows.values()].sort((a, b) => b.rates[metric] - a.rates[metric]).slice(0, limit);
  for (const { report, index, rates, variances } of largest) {
    const [word0, word1, word2, word3] = report.addresses.subarray(4 * index, 4 * index + 4);
    writer.append(word0, word1, word2, word3, report.groups[index], 0, rates, variances, NO_SERIES);
  }
  const latest = (time: (report: HostReport) => number): number => Math.max(0, ...reports.map(time));
  return writer.report(
    latest(({ now }) => now),
    latest(({ bucketStartMs }) => bucketStartMs),
  );
}
