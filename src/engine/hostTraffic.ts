/*
 * Reads the traffic of a host: what its flow records told, and what its lasting flows were carried forward with since.
 * Reading changes nothing.
 */
import { METRIC_COUNT, RATE_PER_COUNT } from '../trafficMetrics.ts';
import { type CandidateHosts, NO_HISTORY } from './candidateHosts.ts';
import {
  BUCKETS,
  FIRST_BUCKET,
  type HostTable,
  LAST_BUCKET,
  LASTING_ROW,
  ROW_VALUES,
  ROW_WORDS,
  SAMPLING_RATE,
  SLAB_MASK,
  SLAB_SHIFT,
} from './hostTable.ts';
import type { LastingFlows } from './lastingFlows.ts';
import { LAST_PLACE, WINDOW_BUCKETS, windowSum } from './rateSeries.ts';
import type { RateWindow } from './rateWindow.ts';
import {
  addVariance,
  BYTE_VARIANCE,
  HISTORY_COLUMNS,
  HISTORY_VALUES,
  PACKET_VARIANCE,
  type TrafficHistory,
} from './trafficHistory.ts';

export class HostTraffic {
  /** Of the host that was given to `readSeries` last: 64 buckets, the oldest first, as in `rateSeries.ts`. */
  readonly series = new Float64Array(HISTORY_VALUES);
  readonly #table: HostTable;
  readonly #lasting: LastingFlows;
  readonly #history: TrafficHistory;
  readonly #candidates: CandidateHosts;
  readonly #carried = new Float64Array(METRIC_COUNT);
  #window: RateWindow;

  constructor(
    table: HostTable,
    lasting: LastingFlows,
    history: TrafficHistory,
    candidates: CandidateHosts,
    window: RateWindow,
  ) {
    this.#table = table;
    this.#lasting = lasting;
    this.#history = history;
    this.#candidates = candidates;
    this.#window = window;
  }

  useWindow(window: RateWindow): void {
    this.#window = window;
  }

  /** The part of the bucket in progress that has passed, 0 to 1. */
  get elapsed(): number {
    return (this.#window.now - this.#window.bucketStartMs) / this.#window.bucketMs;
  }

  /** One rate of a host over the window that ends now, by its place in METRICS; from the table, so without placing. */
  rateOf(slot: number, metric: number): number {
    const rate = this.#window.rateOf(this.#table, slot, metric);
    if (this.#table.word(slot, LASTING_ROW) === 0) return rate;
    this.#carried.fill(0);
    this.#lasting.addToRates(this.#carried, slot);
    return rate + this.#carried[metric] * RATE_PER_COUNT[metric];
  }

  /** All of them, into `rates`. */
  ratesOf(slot: number, rates: Float64Array): void {
    this.#window.ratesOf(this.#table, slot, rates);
    if (this.#table.word(slot, LASTING_ROW) === 0) return;
    this.#carried.fill(0);
    this.#lasting.addToRates(this.#carried, slot);
    for (let metric = 0; metric < METRIC_COUNT; metric++)
      rates[metric] += this.#carried[metric] * RATE_PER_COUNT[metric];
  }

  /** Fills `series`, from the host's history or from the five buckets of its row. */
  readSeries(slot: number): void {
    const history = this.#candidates.historyOf(slot);
    if (history === NO_HISTORY) this.#readRow(slot);
    else this.#history.read(history, this.series);
    this.#lasting.addTo(this.series, slot);
  }

  /**
   * From the series, the rates over the window that ended `lag` buckets ago, and the variances of packets a second and
   * of megabits a second.
   */
  ratesAt(lag: number, rates: Float64Array, variances: Float64Array): void {
    const { elapsed, series } = this;
    const { windowSeconds } = this.#window;
    const end = LAST_PLACE - lag;
    const sum = (column: number): number => windowSum(series, column, end, WINDOW_BUCKETS, elapsed);
    for (let metric = 0; metric < METRIC_COUNT; metric++) {
      rates[metric] = (sum(metric) * RATE_PER_COUNT[metric]) / windowSeconds;
    }
    variances[0] = sum(PACKET_VARIANCE) / windowSeconds ** 2;
    variances[1] = (sum(BYTE_VARIANCE) * RATE_PER_COUNT[1] ** 2) / windowSeconds ** 2;
  }

  #readRow(slot: number): void {
    const { values, words } = this.#table.slabs[slot >> SLAB_SHIFT];
    const row = slot & SLAB_MASK;
    const stale = this.#window.bucket - words[row * ROW_WORDS + LAST_BUCKET];
    const first = row * ROW_VALUES + FIRST_BUCKET;
    const samplingRate = values[row * ROW_VALUES + SAMPLING_RATE];
    this.series.fill(0);
    for (let age = Math.max(0, stale); age < BUCKETS; age++) {
      const from = first + ((this.#window.position + BUCKETS - age) % BUCKETS) * METRIC_COUNT;
      const to = (LAST_PLACE - age) * HISTORY_COLUMNS;
      for (let metric = 0; metric < METRIC_COUNT; metric++) this.series[to + metric] = values[from + metric];
      addVariance(this.series, to, values[from], values[from + 1], samplingRate);
    }
  }
}
