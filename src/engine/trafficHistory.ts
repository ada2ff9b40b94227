/*
 * What is kept of a host that could be over a limit: its traffic in each of the last 64 buckets, 16 windows, placed when
 * its packets passed. The rows of the host table have only five buckets; this is long enough for windows of eight times
 * the configured one, and for records that an exporter sends late.
 *
 * The bucket in progress is counted in the row of the host table, and comes here when it is closed. So most records are
 * counted once, there, and only those that passed before are placed here.
 *
 * Nothing is subtracted from a bucket, so no rounding error stays behind.
 */
import { METRIC_COUNT } from '../trafficMetrics.ts';
import type { RateWindow } from './rateWindow.ts';
import { addSampled, addVariance, BUCKET_VALUES, FLOWS } from './trafficCounters.ts';

/** Buckets of a history; a power of two. */
export const HISTORY_BUCKETS = 64;

export const HISTORY_VALUES = HISTORY_BUCKETS * BUCKET_VALUES;

/** From one row to the next: an odd number of cache lines, so that the buckets in progress are not all in the same places. */
const ROW_STRIDE = HISTORY_VALUES + 8;

/**
 * How far back a record is placed at most, in buckets: seven windows. A record that ended earlier counts there, so that
 * a flood which an exporter reports late is found too, and eight windows before it are still in the history.
 */
export const LATEST_BUCKETS = 28;

/** Histories at most; 7.7 kB each. */
export const HISTORY_LIMIT = 16_384;

const ROWS_PER_SLAB = 64;
const SLAB_SHIFT = 6;

export class TrafficHistory {
  /** The time of the traffic that `place` is given next. Numbers that are handed over would be allocated. */
  fromMs = 0;
  untilMs = 0;
  #window: RateWindow;
  readonly #slabs: Float64Array[] = [];
  /** By row, the last bucket that was written. */
  #lastBucket = new Int32Array(ROWS_PER_SLAB);
  #used = 0;
  readonly #free: number[] = [];

  constructor(window: RateWindow) {
    this.#window = window;
  }

  get bytes(): number {
    return this.#slabs.length * ROWS_PER_SLAB * ROW_STRIDE * 8;
  }

  /** The length of a bucket changes. All rows must have been freed. */
  useWindow(window: RateWindow): void {
    this.#window = window;
  }

  /** An empty row, or -1 where there is no room. */
  allocate(): number {
    const row = this.#free.pop() ?? this.#newRow();
    if (row >= 0) this.#lastBucket[row] = this.#window.bucket - HISTORY_BUCKETS;
    return row;
  }

  free(row: number): void {
    this.#free.push(row);
  }

  /** Adds a bucket, which is not in the future, with its `BUCKET_VALUES` counters and variances from `at` on. */
  addBucket(row: number, bucket: number, values: Float64Array, at: number): void {
    this.#roll(row);
    if (bucket <= this.#window.bucket - HISTORY_BUCKETS) return;
    const slab = this.#slabs[row >> SLAB_SHIFT];
    const to = this.#at(row, bucket);
    for (let column = 0; column < BUCKET_VALUES; column++) slab[to + column] += values[at + column];
  }

  /**
   * Adds traffic that passed evenly between `fromMs` and `untilMs`, of which neither is in the future, as one record at
   * its end. What passed before the history began is left out.
   */
  place(row: number, packets: number, bytes: number, kinds: number, samplingRate: number): void {
    const { fromMs, untilMs } = this;
    const window = this.#window;
    this.#roll(row);
    const oldest = window.bucket - HISTORY_BUCKETS + 1;
    const last = Math.min(window.bucket, Math.max(oldest, window.bucketOf(untilMs)));
    const first = Math.max(oldest, window.bucketOf(fromMs));
    const slab = this.#slabs[row >> SLAB_SHIFT];
    slab[this.#at(row, last) + FLOWS] += 1;
    if (first >= last) {
      addSampled(slab, this.#at(row, last), packets, bytes, kinds, samplingRate);
      return;
    }
    const perMs = 1 / (untilMs - fromMs);
    for (let bucket = first; bucket <= last; bucket++) {
      const startMs = window.startOf(bucket);
      const ms = Math.min(untilMs, startMs + window.bucketMs) - Math.max(fromMs, startMs);
      if (ms > 0)
        addSampled(slab, this.#at(row, bucket), packets * ms * perMs, bytes * ms * perMs, kinds, samplingRate);
    }
  }

  /**
   * Adds this part of the `METRIC_COUNT` counters from `at` on: of packets that were sampled at this rate and passed evenly
   * between two times.
   */
  seed(
    row: number,
    fromMs: number,
    untilMs: number,
    values: Float64Array | Float32Array,
    at: number,
    part: number,
    samplingRate: number,
  ): void {
    const window = this.#window;
    this.#roll(row);
    const slab = this.#slabs[row >> SLAB_SHIFT];
    const first = window.bucketOf(fromMs);
    const last = Math.min(window.bucket, window.bucketOf(untilMs));
    for (let bucket = Math.max(first, window.bucket - HISTORY_BUCKETS + 1); bucket <= last; bucket++) {
      const startMs = window.startOf(bucket);
      const ms = Math.min(untilMs, startMs + window.bucketMs) - Math.max(fromMs, startMs);
      const partOfBucket = first === last ? part : (part * ms) / (untilMs - fromMs);
      const to = this.#at(row, bucket);
      for (let metric = 0; metric < METRIC_COUNT; metric++) slab[to + metric] += values[at + metric] * partOfBucket;
      addVariance(slab, to, values[at] * partOfBucket, values[at + 1] * partOfBucket, samplingRate);
    }
  }

  /** Copies all buckets, the oldest first and the current one last, to `series`, which has `HISTORY_VALUES`. */
  read(row: number, series: Float64Array): void {
    this.#roll(row);
    const slab = this.#slabs[row >> SLAB_SHIFT];
    const start = (row & (ROWS_PER_SLAB - 1)) * ROW_STRIDE;
    const oldest = ((this.#window.bucket + 1) & (HISTORY_BUCKETS - 1)) * BUCKET_VALUES;
    series.set(slab.subarray(start + oldest, start + HISTORY_VALUES));
    series.set(slab.subarray(start, start + oldest), HISTORY_VALUES - oldest);
  }

  #at(row: number, bucket: number): number {
    return (row & (ROWS_PER_SLAB - 1)) * ROW_STRIDE + (bucket & (HISTORY_BUCKETS - 1)) * BUCKET_VALUES;
  }

  /** Clears the buckets that left the ring since the row was last written. */
  #roll(row: number): void {
    const { bucket } = this.#window;
    const stale = bucket - this.#lastBucket[row];
    if (stale === 0) return;
    this.#lastBucket[row] = bucket;
    const slab = this.#slabs[row >> SLAB_SHIFT];
    for (let age = Math.min(stale, HISTORY_BUCKETS) - 1; age >= 0; age--) {
      const at = this.#at(row, bucket - age);
      slab.fill(0, at, at + BUCKET_VALUES);
    }
  }

  #newRow(): number {
    if (this.#used >= HISTORY_LIMIT) return -1;
    const row = this.#used++;
    if (row >> SLAB_SHIFT === this.#slabs.length) this.#slabs.push(new Float64Array(ROWS_PER_SLAB * ROW_STRIDE));
    if (row >= this.#lastBucket.length) {
      const larger = new Int32Array(2 * this.#lastBucket.length);
      larger.set(this.#lastBucket);
      this.#lastBucket = larger;
    }
    return row;
  }
}
