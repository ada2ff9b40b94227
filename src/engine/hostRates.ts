/*
 * The rates of one host as every receiving thread last reported them, and their sum, which is compared with the limits.
 */

import type { Address } from '../net/address.ts';
import { METRIC_COUNT, METRICS, type Rates, TOTAL_COUNT } from '../trafficMetrics.ts';
import type { HostReport } from './hostReport.ts';

export class HostRates {
  readonly target: Address;
  /** In the order and units of METRICS; valid after `add`. */
  readonly sum = new Float64Array(METRIC_COUNT);
  readonly #byWorker: Float64Array;
  /** Number of the thread's report that named the host last. */
  readonly #namedIn: Float64Array;

  constructor(target: Address, workers: number) {
    this.target = target;
    this.#byWorker = new Float64Array(workers * METRIC_COUNT);
    this.#namedIn = new Float64Array(workers).fill(-1);
  }

  /** Takes over row `row` of the thread's report with this number. */
  take(worker: number, reportNumber: number, report: HostReport, row: number): void {
    const from = row * METRIC_COUNT;
    const to = worker * METRIC_COUNT;
    for (let metric = 0; metric < METRIC_COUNT; metric++) {
      this.#byWorker[to + metric] = report.rates[from + metric];
    }
    this.#namedIn[worker] = reportNumber;
  }

  /**
   * Adds up what the threads' latest reports say; one that does not name the host counts as nothing. `newest` holds the
   * number of each thread's latest report. Returns whether all of them, some or none named it.
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

  /** The metric that is over its limit by the largest factor, by number; -1 where none is. */
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

  /** Whether some thread alone is over its part of a limit, so that the sum over all of them could be over it. */
  isCandidate(limits: Float64Array, newest: Float64Array): boolean {
    for (let worker = 0; worker < newest.length; worker++) {
      if (this.#namedIn[worker] !== newest[worker]) continue;
      for (let metric = 0; metric < METRIC_COUNT; metric++) {
        if (this.#byWorker[worker * METRIC_COUNT + metric] * newest.length > limits[metric]) return true;
      }
    }
    return false;
  }

  /** The sum by name: the three that every host has, and of the others those above 0. */
  rates(): Rates {
    return ratesOf(this.sum);
  }
}

/** Rates by name: the three that every host has, and of the others those above 0. */
export function ratesOf(values: Float64Array): Rates {
  const rates: Record<string, number> = {};
  METRICS.forEach((metric, i) => {
    if (i < TOTAL_COUNT || values[i] > 0) rates[metric] = values[i];
  });
  return rates;
}
