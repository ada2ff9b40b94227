/*
 * The sliding window: a ring of five buckets for each host, each a quarter of the window long. The rate is the sum of
 * the four newest buckets, the one in progress included, plus the part of the fifth that is still in the window (as if
 * its traffic were even), divided by the length of the window. So a steady rate is measured exactly at any time, and a
 * flood counts from its first flow.
 *
 * No timer turns the rings. A row stores the last bucket that was written, and the next flow clears the buckets that
 * have become too old.
 */
import { METRIC_COUNT, RATE_PER_COUNT } from '../trafficMetrics.ts';
import {
  BUCKETS,
  FIRST_BUCKET,
  type HostTable,
  LAST_BUCKET,
  LATE_DELAYS,
  LATE_PACKETS,
  ROW_VALUES,
  ROW_WORDS,
  SLAB_MASK,
  SLAB_SHIFT,
} from './hostTable.ts';
import { addTraffic } from './trafficKinds.ts';

/** Of what is known of late packets, this part is left a bucket later: about as much as of the ring. */
export const LATE_KEPT = 1 - 1 / BUCKETS;

/** Buckets in the length of a window. The ring has one more, which is leaving the window. */
const BUCKETS_PER_WINDOW = BUCKETS - 1;

export class RateWindow {
  readonly windowSeconds: number;
  readonly bucketMs: number;
  /** The latest time given to `advance`. */
  now: number;
  /** Number of the bucket in progress; never goes back. */
  bucket: number;
  /** Its place in the ring. */
  position: number;
  /** Clock time at which bucket 0 began. A multiple of the bucket's length, so the buckets of all threads line up. */
  readonly #originMs: number;

  constructor(windowSeconds: number, now: number) {
    this.windowSeconds = windowSeconds;
    this.bucketMs = (windowSeconds * 1000) / BUCKETS_PER_WINDOW;
    this.#originMs = Math.floor(now / this.bucketMs) * this.bucketMs;
    this.now = now;
    this.bucket = 0;
    this.position = 0;
  }

  /** A time before the latest one counts as the latest. */
  advance(now: number): void {
    if (now <= this.now) return;
    this.now = now;
    const bucket = Math.floor((now - this.#originMs) / this.bucketMs);
    if (bucket === this.bucket) return;
    this.bucket = bucket;
    this.position = bucket % BUCKETS;
  }

  get bucketStartMs(): number {
    return this.startOf(this.bucket);
  }

  /** The bucket in which a time is; negative before bucket 0. */
  bucketOf(ms: number): number {
    return Math.floor((ms - this.#originMs) / this.bucketMs);
  }

  /** When a bucket begins. */
  startOf(bucket: number): number {
    return this.#originMs + bucket * this.bucketMs;
  }

  /**
   * Clears the buckets that left the ring since the row was last written. Call it before writing where LAST_BUCKET is
   * old.
   */
  roll(values: Float64Array, words: Int32Array, row: number): void {
    const lastAt = row * ROW_WORDS + LAST_BUCKET;
    const first = row * ROW_VALUES + FIRST_BUCKET;
    const stale = this.bucket - words[lastAt];
    words[lastAt] = this.bucket;
    const late = row * ROW_VALUES + LATE_PACKETS;
    if (stale >= BUCKETS) {
      values.fill(0, late, first + BUCKETS * METRIC_COUNT);
      return;
    }
    if (values[late] > 0) {
      values[late] *= LATE_KEPT ** stale;
      values[row * ROW_VALUES + LATE_DELAYS] *= LATE_KEPT ** stale;
    }
    for (let age = 0; age < stale; age++) {
      const at = first + ((this.position + BUCKETS - age) % BUCKETS) * METRIC_COUNT;
      values.fill(0, at, at + METRIC_COUNT);
    }
  }

  /**
   * Adds traffic that passed evenly between two times to the buckets of the ring, as far as they reach back. False where
   * all of it passed before.
   */
  place(
    values: Float64Array,
    words: Int32Array,
    row: number,
    fromMs: number,
    untilMs: number,
    packets: number,
    bytes: number,
    kinds: number,
  ): boolean {
    if (words[row * ROW_WORDS + LAST_BUCKET] !== this.bucket) this.roll(values, words, row);
    const first = row * ROW_VALUES + FIRST_BUCKET;
    const perMs = 1 / Math.max(untilMs - fromMs, 1);
    let placed = false;
    let bucketStart = this.bucketStartMs;
    for (let age = 0; age < BUCKETS; age++, bucketStart -= this.bucketMs) {
      const ms = Math.min(untilMs, bucketStart + this.bucketMs) - Math.max(fromMs, bucketStart);
      if (ms <= 0) continue;
      const at = first + ((this.position + BUCKETS - age) % BUCKETS) * METRIC_COUNT;
      addTraffic(values, at, packets * ms * perMs, bytes * ms * perMs, kinds);
      placed = true;
    }
    return placed;
  }

  /** All rates of a host in METRICS' units, into `rates`. Reads only. */
  ratesOf(table: HostTable, slot: number, rates: Float64Array): void {
    const slab = table.slabs[slot >> SLAB_SHIFT];
    const row = slot & SLAB_MASK;
    const lastBucket = slab.words[row * ROW_WORDS + LAST_BUCKET];
    const first = row * ROW_VALUES + FIRST_BUCKET;
    rates.fill(0, 0, METRIC_COUNT);
    for (let age = Math.max(0, this.bucket - lastBucket); age < BUCKETS; age++) {
      const at = first + ((this.position + BUCKETS - age) % BUCKETS) * METRIC_COUNT;
      const weight = this.#weightOf(age);
      for (let metric = 0; metric < METRIC_COUNT; metric++) rates[metric] += slab.values[at + metric] * weight;
    }
    for (let metric = 0; metric < METRIC_COUNT; metric++) {
      rates[metric] *= RATE_PER_COUNT[metric] / this.windowSeconds;
    }
  }

  /** One rate of a host, by its place in METRICS. */
  rateOf(table: HostTable, slot: number, metric: number): number {
    const slab = table.slabs[slot >> SLAB_SHIFT];
    const row = slot & SLAB_MASK;
    const lastBucket = slab.words[row * ROW_WORDS + LAST_BUCKET];
    const first = row * ROW_VALUES + FIRST_BUCKET + metric;
    let sum = 0;
    for (let age = Math.max(0, this.bucket - lastBucket); age < BUCKETS; age++) {
      const at = first + ((this.position + BUCKETS - age) % BUCKETS) * METRIC_COUNT;
      sum += slab.values[at] * this.#weightOf(age);
    }
    return (sum * RATE_PER_COUNT[metric]) / this.windowSeconds;
  }

  /** Writes buckets that give these rates, as if the rates had been steady for the length of the window. */
  fill(table: HostTable, slot: number, rates: Float64Array): void {
    const { values, words } = table.slabs[slot >> SLAB_SHIFT];
    const row = slot & SLAB_MASK;
    words[row * ROW_WORDS + LAST_BUCKET] = this.bucket;
    for (let age = 0; age < BUCKETS; age++) {
      const at = row * ROW_VALUES + FIRST_BUCKET + ((this.position + BUCKETS - age) % BUCKETS) * METRIC_COUNT;
      const seconds = (age === 0 ? this.now - this.bucketStartMs : this.bucketMs) / 1000;
      for (let metric = 0; metric < METRIC_COUNT; metric++) {
        values[at + metric] = (rates[metric] / RATE_PER_COUNT[metric]) * seconds;
      }
    }
  }

  /** The part of a bucket that is in the window; `age` 0 is the one in progress. */
  #weightOf(age: number): number {
    return age < BUCKETS_PER_WINDOW ? 1 : 1 - (this.now - this.bucketStartMs) / this.bucketMs;
  }
}
