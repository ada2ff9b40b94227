/*
 * Reads the traffic of a host: what its flow records told, and what its lasting flows were carried forward with since.
 * Reading changes nothing.
 */
import { METRIC_COUNT, RATE_PER_COUNT } from '../trafficMetrics.ts';
import { type CandidateHosts, NO_HISTORY } from './candidateHosts.ts';
import {
  BUCKETS,
  CLOSED_VALUES,
  closedPlace,
  type HostTable,
  IN_PROGRESS,
  LAST_BUCKET,
  LASTING_ROW,
  LATE_DELAYS,
  LATE_PACKETS,
  MEAN_SAMPLING_RATE,
  ROW_VALUES,
  ROW_WORDS,
} from './hostTable.ts';
import type { LastingFlows } from './lastingFlows.ts';
import { LAST_PLACE, WINDOW_BUCKETS, windowSum } from './rateSeries.ts';
import type { RateWindow } from './rateWindow.ts';
import { addVariance, BUCKET_VALUES, BYTE_VARIANCE, BYTES, PACKET_VARIANCE, PACKETS } from './trafficCounters.ts';
import { HISTORY_VALUES, LATEST_BUCKETS, type TrafficHistory } from './trafficHistory.ts';

/** The part of a host's packets that may be missing in its rates, because they are reported late. */
const MOST_LATE_PART = 0.1;

/** A delay of this part of a bucket is none. */
const LAG_SLACK = 0.25;

export class HostTraffic {
  /** Of the host that was given to `readSeries` last: 64 buckets, the oldest first, as in `rateSeries.ts`. */
  readonly series = new Float64Array(HISTORY_VALUES);
  readonly #table: HostTable;
  readonly #lasting: LastingFlows;
  readonly #history: TrafficHistory;
  readonly #candidates: CandidateHosts;
  readonly #rates = new Float64Array(METRIC_COUNT);
  readonly #carried = new Float64Array(METRIC_COUNT);
  readonly #variances = new Float64Array(2);
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

  /**
   * How many buckets behind the rates of a host are told: the packets of some floods are reported long after they
   * passed, and the window that ends now would be empty. 0 where nearly all are reported at once, or where no history
   * knows when they passed.
   */
  lagOf(slot: number): number {
    if (this.#candidates.historyOf(slot) === NO_HISTORY) return 0;
    const { floats } = this.#table;
    const row = slot * ROW_WORDS;
    const late = floats[row + LATE_PACKETS];
    if (late <= MOST_LATE_PART * (late + this.#table.packetsOf(slot))) return 0;
    const delayMs = floats[row + LATE_DELAYS] / late;
    return Math.min(Math.ceil(delayMs / this.#window.bucketMs - LAG_SLACK), LATEST_BUCKETS);
  }

  /** One rate of a host, by its place in METRICS. */
  rateOf(slot: number, metric: number): number {
    if (this.#candidates.historyOf(slot) === NO_HISTORY && this.#table.word(slot, LASTING_ROW) === 0)
      return this.#window.rateOf(this.#table, slot, metric);
    this.ratesOf(slot, this.#rates);
    return this.#rates[metric];
  }

  /** All rates of a host, into `rates`: those of a candidate as far behind as its traffic is reported. */
  ratesOf(slot: number, rates: Float64Array): void {
    if (this.#candidates.historyOf(slot) !== NO_HISTORY) {
      this.readSeries(slot);
      this.ratesAt(this.lagOf(slot), rates, this.#variances);
      return;
    }
    this.#window.ratesOf(this.#table, slot, rates);
    if (this.#table.word(slot, LASTING_ROW) === 0) return;
    this.#carried.fill(0);
    this.#lasting.addToRates(this.#carried, slot);
    for (let metric = 0; metric < METRIC_COUNT; metric++)
      rates[metric] += this.#carried[metric] * RATE_PER_COUNT[metric];
  }

  /** Of these rates, what flow records told; what lasting flows are carried forward with is not in it. */
  countedRatesOf(slot: number, rates: Float64Array): void {
    this.#readCounted(slot);
    this.ratesAt(this.lagOf(slot), rates, this.#variances);
  }

  /** Fills `series`, from the host's history or from its five buckets in the table. */
  readSeries(slot: number): void {
    this.#readCounted(slot);
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

  #readCounted(slot: number): void {
    const history = this.#candidates.historyOf(slot);
    if (history === NO_HISTORY) this.#readClosed(slot);
    else this.#history.read(history, this.series);
    // The bucket in progress is in the table only; it may be an old one, if nothing came since.
    const { values, words } = this.#table;
    const place = LAST_PLACE - (this.#window.bucket - words[slot * ROW_WORDS + LAST_BUCKET]);
    if (place < 0) return;
    const from = slot * ROW_VALUES + IN_PROGRESS;
    for (let column = 0; column < BUCKET_VALUES; column++)
      this.series[place * BUCKET_VALUES + column] += values[from + column];
  }

  /** The closed buckets of the table that are still in the window. */
  #readClosed(slot: number): void {
    const { words, closed } = this.#table;
    const { bucket } = this.#window;
    const samplingRate = closed[slot * CLOSED_VALUES + MEAN_SAMPLING_RATE];
    this.series.fill(0);
    for (let from = bucket - BUCKETS + 1; from < words[slot * ROW_WORDS + LAST_BUCKET]; from++) {
      const at = closedPlace(slot, from);
      const to = (LAST_PLACE - (bucket - from)) * BUCKET_VALUES;
      for (let metric = 0; metric < METRIC_COUNT; metric++) this.series[to + metric] = closed[at + metric];
      addVariance(this.series, to, closed[at + PACKETS], closed[at + BYTES], samplingRate);
    }
  }
}
