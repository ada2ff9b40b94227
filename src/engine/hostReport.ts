/*
 * Reports of host rates, as a receiving thread posts them to the main thread, and their sum over all threads. A report
 * is a few flat arrays, made fresh for each report so that they can be transferred instead of copied.
 */
import type { Address } from '../net/address.ts';
import { METRIC_COUNT, METRICS, type Rates, TOTAL_COUNT } from '../trafficMetrics.ts';

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
  /**
   * Since when the thread cannot read the data of an exporter, in clock milliseconds; undefined where it can read all.
   */
  readonly unreadableSince?: number;
}

/** The transfer list for posting the report. */
export function reportBuffers(report: HostReport): ArrayBuffer[] {
  return [report.addresses.buffer, report.groups.buffer, report.rates.buffer];
}

/** Collects the rows of a report in arrays that are kept and grow; `report` copies the rows in use. */
export class HostReportWriter {
  count = 0;
  #addresses = new Uint32Array(4 * 64);
  #groups = new Uint16Array(64);
  #rates = new Float64Array(METRIC_COUNT * 64);

  clear(): void {
    this.count = 0;
  }

  /** Copies the first `METRIC_COUNT` values of `rates`. */
  append(word0: number, word1: number, word2: number, word3: number, group: number, rates: Float64Array): void {
    if (this.count === this.#groups.length) this.#grow();
    const row = this.count++;
    const at = 4 * row;
    this.#addresses[at] = word0;
    this.#addresses[at + 1] = word1;
    this.#addresses[at + 2] = word2;
    this.#addresses[at + 3] = word3;
    this.#groups[row] = group;
    const ratesAt = METRIC_COUNT * row;
    for (let metric = 0; metric < METRIC_COUNT; metric++) this.#rates[ratesAt + metric] = rates[metric];
  }

  report(now: number): HostReport {
    return {
      now,
      count: this.count,
      addresses: this.#addresses.slice(0, 4 * this.count),
      groups: this.#groups.slice(0, this.count),
      rates: this.#rates.slice(0, METRIC_COUNT * this.count),
    };
  }

  #grow(): void {
    const capacity = 2 * this.#groups.length;
    const addresses = new Uint32Array(4 * capacity);
    addresses.set(this.#addresses);
    this.#addresses = addresses;
    const groups = new Uint16Array(capacity);
    groups.set(this.#groups);
    this.#groups = groups;
    const rates = new Float64Array(METRIC_COUNT * capacity);
    rates.set(this.#rates);
    this.#rates = rates;
  }
}

/**
 * The rates of one host as each receiving thread last reported them, and their sum, which is compared with the limits.
 */
export class HostRates {
  readonly target: Address;
  /** In the order and units of METRICS; valid after `add`. */
  readonly sum = new Float64Array(METRIC_COUNT);
  readonly #byWorker: Float64Array;
  /** By thread, the number of the last report that named the host. */
  readonly #namedIn: Float64Array;

  constructor(target: Address, workers: number) {
    this.target = target;
    this.#byWorker = new Float64Array(workers * METRIC_COUNT);
    this.#namedIn = new Float64Array(workers).fill(-1);
  }

  /** Copies row `row` of the thread's report with this number. */
  take(worker: number, reportNumber: number, report: HostReport, row: number): void {
    const from = row * METRIC_COUNT;
    const to = worker * METRIC_COUNT;
    for (let metric = 0; metric < METRIC_COUNT; metric++) {
      this.#byWorker[to + metric] = report.rates[from + metric];
    }
    this.#namedIn[worker] = reportNumber;
  }

  /**
   * Adds the rates in the threads' latest reports; a report that does not name the host adds nothing. `newest` holds
   * the number of each thread's latest report. Returns whether all reports, some or none named the host.
   */
  add(newest: Float64Array): 'all' | 'some' | 'none' {
    let named = 0;
    this.sum.fill(0);
    for (let worker = 0; worker < newest.length; worker++) {
      if (this.#namedIn[worker] !== newest[worker]) continue;
      named++;
      for (let metric = 0; metric < METRIC_COUNT; metric++) {
        this.sum[metric] += this.#byWorker[worker * METRIC_COUNT + metric];
      }
    }
    if (named === 0) return 'none';
    return named === newest.length ? 'all' : 'some';
  }

  /** The number of the metric that is over its limit by the largest factor; -1 where none is over. */
  farthestOver(limits: Float64Array): number {
    let farthest = -1;
    let most = 1;
    for (let metric = 0; metric < METRIC_COUNT; metric++) {
      const factor = this.sum[metric] / limits[metric];
      if (factor > most) {
        most = factor;
        farthest = metric;
      }
    }
    return farthest;
  }

  /** Whether one thread alone is over its part of a limit, so that the sum over all threads could be over the limit. */
  isCandidate(limits: Float64Array, newest: Float64Array): boolean {
    for (let worker = 0; worker < newest.length; worker++) {
      if (this.#namedIn[worker] !== newest[worker]) continue;
      for (let metric = 0; metric < METRIC_COUNT; metric++) {
        if (this.#byWorker[worker * METRIC_COUNT + metric] * newest.length > limits[metric]) return true;
      }
    }
    return false;
  }

  /** The sum, as `ratesOf`. */
  rates(): Rates {
    return ratesOf(this.sum);
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

/** A host in `mergeTopHosts`. */
interface MergedHost {
  readonly report: HostReport;
  readonly index: number;
  readonly rates: Float64Array;
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
