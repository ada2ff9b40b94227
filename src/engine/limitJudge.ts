/*
 * Compares the traffic of a host, the sum over all threads, with its limits.
 *
 * A rate from samples is an estimate: 61 samples in a window give a standard deviation of 13 %. So an attack opens only
 * where the estimate minus `confidence` standard deviations is over the limit, in the configured window or in one of
 * two, four or eight times its length: a longer one holds more samples. Without sampling the deviation is 0, and only
 * the configured window matters. Whether an attack goes on is judged by the plain estimate.
 */
import { METRIC_COUNT, RATE_PER_COUNT, TRAFFIC_METRICS } from '../trafficMetrics.ts';
import type { EnginePlan } from './enginePlan.ts';
import type { HostReport } from './hostReport.ts';
import { FIRST_END, LAST_PLACE, latestOver, NO_WINDOW, WINDOW_BUCKETS, windowSum } from './rateSeries.ts';
import { BUCKET_VALUES, BYTE_VARIANCE, BYTES, PACKET_VARIANCE, PACKETS } from './trafficCounters.ts';
import { HISTORY_BUCKETS, HISTORY_VALUES } from './trafficHistory.ts';

/** Lengths of the windows in which an attack may be found, in configured windows. */
const WINDOW_LENGTHS = [1, 2, 4, 8];

/**
 * The shortest window holds the fewest samples and is looked at as often as the others, so it is over a limit by chance
 * most often. With a fifth more deviations, a host at nine tenths of its limit that is sampled 1:4096 is taken for an
 * attack once in half an hour instead of once in eleven minutes; a flood of twice the limit is found 0.2 s later.
 */
const SHORTEST_WINDOW_FACTOR = 1.2;

/** A limit that was crossed. */
export interface Crossing {
  /** The metric that is over its limit by the largest factor. */
  readonly metric: number;
  /** The estimate that is over it, in the unit of the metric. */
  readonly rate: number;
}

export class LimitJudge {
  readonly #series = new Float64Array(HISTORY_VALUES);
  readonly #bucketMs: number;
  readonly #confidence: number;
  #now = 0;
  #bucketStartMs = 0;
  #elapsed = 0;

  constructor({ windowSeconds, confidence }: EnginePlan) {
    this.#bucketMs = (windowSeconds * 1000) / WINDOW_BUCKETS;
    this.#confidence = confidence;
  }

  /** Begins a host; its series ends at this time, in a bucket that began at `bucketStartMs`. */
  begin(now: number, bucketStartMs: number): void {
    this.#series.fill(0);
    this.#now = now;
    this.#bucketStartMs = bucketStartMs;
    this.#elapsed = Math.min(1, (now - bucketStartMs) / this.#bucketMs);
  }

  /** Adds what a thread reported of the host. Its series may end a bucket earlier. */
  add(report: HostReport, row: number): void {
    const { columns, series } = report;
    const behind = Math.round((this.#bucketStartMs - report.bucketStartMs) / this.#bucketMs);
    const stride = columns.length;
    const first = row * HISTORY_BUCKETS * stride;
    for (let place = Math.max(0, behind); place < HISTORY_BUCKETS; place++) {
      const from = first + place * stride;
      const to = (place - behind) * BUCKET_VALUES;
      for (let i = 0; i < stride; i++) this.#series[to + columns[i]] += series[from + i];
    }
  }

  /** When the latest window ended that was over any limit, by the plain estimate; undefined where none was. */
  latestOverMs(limits: Float64Array): number | undefined {
    let latest = NO_WINDOW;
    for (let metric = 0; metric < METRIC_COUNT; metric++) {
      if (limits[metric] === Number.POSITIVE_INFINITY) continue;
      latest = Math.max(latest, latestOver(this.#series, metric, this.#mostOf(metric, limits, 1), this.#elapsed));
    }
    return latest === NO_WINDOW ? undefined : this.#endMs(latest);
  }

  /** The limit that was crossed with confidence in a window that begins at or after `sinceMs`. */
  crossing(limits: Float64Array, sinceMs: number): Crossing | undefined {
    let found: Crossing | undefined;
    let factor = 1;
    for (let metric = 0; metric < METRIC_COUNT; metric++) {
      if (limits[metric] === Number.POSITIVE_INFINITY) continue;
      const most = this.#mostOf(metric, limits, 1);
      if (latestOver(this.#series, metric, most, this.#elapsed) === NO_WINDOW) continue;
      const rate = this.#confidentRate(metric, limits, sinceMs);
      if (rate / limits[metric] <= factor) continue;
      factor = rate / limits[metric];
      found = { metric, rate };
    }
    return found;
  }

  /** The largest estimate that is over the limit with confidence; 0 where there is none. */
  #confidentRate(metric: number, limits: Float64Array, sinceMs: number): number {
    let largest = 0;
    for (const length of WINDOW_LENGTHS) {
      const deviations = this.#confidence * (length === 1 ? SHORTEST_WINDOW_FACTOR : 1);
      const buckets = length * WINDOW_BUCKETS;
      const most = this.#mostOf(metric, limits, length);
      for (let end = LAST_PLACE; end >= FIRST_END; end--) {
        if (this.#endMs(end) - buckets * this.#bucketMs < sinceMs) break;
        const sum = windowSum(this.#series, metric, end, buckets, this.#elapsed);
        if (sum <= most || sum - deviations * this.#deviation(metric, sum, end, buckets) <= most) continue;
        largest = Math.max(largest, (sum / most) * limits[metric]);
      }
    }
    return largest;
  }

  /** The sum over windows of this length that is just at the limit. */
  #mostOf(metric: number, limits: Float64Array, length: number): number {
    return (limits[metric] * length * WINDOW_BUCKETS * this.#bucketMs) / (1000 * RATE_PER_COUNT[metric]);
  }

  /**
   * The standard deviation of a sum. That of one kind of traffic has the share of the variance that it has of the
   * traffic. Flow records are counted, not estimated.
   */
  #deviation(metric: number, sum: number, end: number, buckets: number): number {
    const { unit } = TRAFFIC_METRICS[metric];
    if (unit === 'flows') return 0;
    const total = windowSum(this.#series, unit === 'packets' ? PACKETS : BYTES, end, buckets, this.#elapsed);
    const column = unit === 'packets' ? PACKET_VARIANCE : BYTE_VARIANCE;
    const variance = windowSum(this.#series, column, end, buckets, this.#elapsed);
    return total > 0 ? Math.sqrt(variance * (sum / total)) : 0;
  }

  #endMs(end: number): number {
    return end === LAST_PLACE ? this.#now : this.#bucketStartMs - (LAST_PLACE - 1 - end) * this.#bucketMs;
  }
}
