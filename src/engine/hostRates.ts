/*
 * The rates of one host as each receiving thread last reported them, and their sum.
 */
import type { Address } from '../net/address.ts';
import { METRIC_COUNT, type Rates, rateError } from '../trafficMetrics.ts';
import { type HostReport, IS_OVER_ITS_PART, IS_TOLD_LATE, ratesOf } from './hostReport.ts';
import type { LimitJudge } from './limitJudge.ts';

/** A thread's latest report that named the host. */
interface Named {
  readonly reportNumber: number;
  readonly report: HostReport;
  readonly row: number;
}

export class HostRates {
  readonly target: Address;
  /** In the order and units of METRICS; valid after `add`. */
  readonly sum = new Float64Array(METRIC_COUNT);
  /** Of the estimates of `pps` and `mbps`; valid after `add`. */
  readonly variances = new Float64Array(2);
  readonly #named: (Named | undefined)[];

  constructor(target: Address, workers: number) {
    this.target = target;
    this.#named = new Array(workers).fill(undefined);
  }

  /** Takes row `row` of the thread's report with this number. */
  take(worker: number, reportNumber: number, report: HostReport, row: number): void {
    this.#named[worker] = { reportNumber, report, row };
  }

  /** Forgets what was reported: the buckets of the next reports have another length. */
  forgetReports(): void {
    this.#named.fill(undefined);
  }

  /** The clock was set forward by this much; the times in reports move with it. */
  clockStepped(deltaMs: number): void {
    this.#named.forEach((named, worker) => {
      if (named === undefined) return;
      const { now, bucketStartMs } = named.report;
      const report = { ...named.report, now: now + deltaMs, bucketStartMs: bucketStartMs + deltaMs };
      this.#named[worker] = { ...named, report };
    });
  }

  /**
   * Adds the rates in the threads' latest reports; a report that does not name the host adds nothing. `newest` holds
   * the number of each thread's latest report. Returns whether all reports, some or none named the host.
   */
  add(newest: Float64Array): 'all' | 'some' | 'none' {
    let named = 0;
    this.sum.fill(0);
    this.variances.fill(0);
    for (const { report, row } of this.#newest(newest)) {
      named++;
      for (let metric = 0; metric < METRIC_COUNT; metric++)
        this.sum[metric] += report.rates[row * METRIC_COUNT + metric];
      for (let i = 0; i < 2; i++) this.variances[i] += report.variances[2 * row + i];
    }
    if (named === 0) return 'none';
    return named === newest.length ? 'all' : 'some';
  }

  /** Gives the judge the traffic that the threads' latest reports have. */
  showTo(judge: LimitJudge, newest: Float64Array): void {
    const rows = [...this.#newest(newest)];
    const latest = (time: (report: HostReport) => number): number =>
      Math.max(0, ...rows.map(({ report }) => time(report)));
    judge.begin(
      latest(({ now }) => now),
      latest(({ bucketStartMs }) => bucketStartMs),
    );
    for (const { report, row } of rows) judge.add(report, row);
  }

  /**
   * When the window ends that the sum is of, where that is now and the sum is over a limit; undefined elsewhere. It costs
   * little: with thousands of attacks the series of all their hosts cannot be added several times a second.
   */
  overNowMs(limits: Float64Array, newest: Float64Array): number | undefined {
    if (!this.sum.some((rate, metric) => rate > limits[metric])) return undefined;
    let latest = 0;
    for (const { report, row } of this.#newest(newest)) {
      if ((report.flags[row] & IS_TOLD_LATE) !== 0) return undefined;
      latest = Math.max(latest, report.now);
    }
    return latest;
  }

  /** Whether one thread alone is over its part of a limit, so that the sum over all threads could be over the limit. */
  isCandidate(newest: Float64Array): boolean {
    for (const { report, row } of this.#newest(newest)) {
      if ((report.flags[row] & IS_OVER_ITS_PART) !== 0) return true;
    }
    return false;
  }

  /** The sum, as `ratesOf`. */
  rates(): Rates {
    return ratesOf(this.sum);
  }

  /** Half the width of the 95 % interval of a metric, in its unit; 0 where nothing was sampled. */
  errorOf(metric: number): number {
    return rateError(this.sum, this.variances, metric);
  }

  *#newest(newest: Float64Array): Iterable<Named> {
    for (let worker = 0; worker < newest.length; worker++) {
      const named = this.#named[worker];
      if (named !== undefined && named.reportNumber === newest[worker]) yield named;
    }
  }
}
