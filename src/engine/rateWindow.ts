/*
 * The sliding window: five buckets for each host, each a quarter of the window long. The rate is the sum of the four
 * newest buckets, the one in progress included, plus the part of the fifth that is still in the window (as if its
 * traffic were even), divided by the length of the window. So a steady rate is measured exactly at any time, and a flood
 * counts from its first flow.
 *
 * No timer closes buckets. A row stores which bucket it has in progress, and the first flow after its end closes it, and
 * clears those that have become too old.
 */
import { METRIC_COUNT, RATE_PER_COUNT } from '../trafficMetrics.ts';
import {
  BUCKETS,
  CLOSED_BUCKETS,
  CLOSED_VALUES,
  closedPlace,
  type HostTable,
  IN_PROGRESS,
  LAST_BUCKET,
  LATE_DELAYS,
  LATE_PACKETS,
  MEAN_SAMPLING_RATE,
  ROW_VALUES,
  ROW_WORDS,
} from './hostTable.ts';
import { addSampled, addTraffic, BUCKET_VALUES, PACKET_VARIANCE, PACKETS } from './trafficCounters.ts';

/** Of what is known of late packets, this part is left a bucket later: about as much as of the five buckets. */
export const LATE_KEPT = 1 - 1 / BUCKETS;

/** Buckets in the length of a window, the one in progress included. The oldest of the five is leaving the window. */
const BUCKETS_PER_WINDOW = BUCKETS - 1;

export class RateWindow {
  readonly windowSeconds: number;
  readonly bucketMs: number;
  /** The latest time given to `advance`. */
  now: number;
  /** Number of the bucket in progress; never goes back. */
  bucket: number;
  /** Clock time at which bucket 0 began. A multiple of the bucket's length, so the buckets of all threads line up. */
  readonly #originMs: number;
  /** The counters of one record. */
  readonly #traffic = new Float64Array(METRIC_COUNT);

  constructor(windowSeconds: number, now: number) {
    this.windowSeconds = windowSeconds;
    this.bucketMs = (windowSeconds * 1000) / BUCKETS_PER_WINDOW;
    this.#originMs = Math.floor(now / this.bucketMs) * this.bucketMs;
    this.now = now;
    this.bucket = 0;
  }

  /** A time before the latest one counts as the latest. */
  advance(now: number): void {
    if (now <= this.now) return;
    this.now = now;
    this.bucket = this.bucketOf(now);
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

  /** Closes the bucket that a row has in progress and begins the current one. Call it where LAST_BUCKET is old. */
  roll({ values, words, floats, closed }: HostTable, slot: number): void {
    const last = words[slot * ROW_WORDS + LAST_BUCKET];
    const from = slot * ROW_VALUES + IN_PROGRESS;
    const stale = this.bucket - last;
    words[slot * ROW_WORDS + LAST_BUCKET] = this.bucket;
    const packets = values[from + PACKETS];
    if (packets > 0) closed[slot * CLOSED_VALUES + MEAN_SAMPLING_RATE] = 1 + values[from + PACKET_VARIANCE] / packets;
    for (let bucket = Math.max(last + 1, this.bucket - CLOSED_BUCKETS); bucket < this.bucket; bucket++)
      clear(closed, closedPlace(slot, bucket), METRIC_COUNT);
    if (stale <= CLOSED_BUCKETS) {
      const to = closedPlace(slot, last);
      for (let metric = 0; metric < METRIC_COUNT; metric++) closed[to + metric] = values[from + metric];
    }
    clear(values, from, BUCKET_VALUES);
    const late = slot * ROW_WORDS + LATE_PACKETS;
    if (floats[late] === 0) return;
    const kept = stale >= BUCKETS ? 0 : LATE_KEPT ** stale;
    floats[late] *= kept;
    floats[slot * ROW_WORDS + LATE_DELAYS] *= kept;
  }

  /**
   * Adds traffic that passed evenly between two times to the buckets of a row, as far as they reach back. False where
   * all of it passed before.
   */
  place(
    table: HostTable,
    slot: number,
    fromMs: number,
    untilMs: number,
    packets: number,
    bytes: number,
    kinds: number,
    samplingRate: number,
  ): boolean {
    if (table.words[slot * ROW_WORDS + LAST_BUCKET] !== this.bucket) this.roll(table, slot);
    const perMs = 1 / Math.max(untilMs - fromMs, 1);
    const all = this.#traffic.fill(0);
    addTraffic(all, 0, packets, bytes, kinds);
    let placed = false;
    let bucketStart = this.bucketStartMs;
    for (let age = 0; age < BUCKETS; age++, bucketStart -= this.bucketMs) {
      const ms = Math.min(untilMs, bucketStart + this.bucketMs) - Math.max(fromMs, bucketStart);
      if (ms <= 0) continue;
      const part = ms * perMs;
      placed = true;
      if (age === 0) {
        addSampled(table.values, slot * ROW_VALUES + IN_PROGRESS, packets * part, bytes * part, kinds, samplingRate);
        continue;
      }
      const to = closedPlace(slot, this.bucket - age);
      for (let metric = 0; metric < METRIC_COUNT; metric++) table.closed[to + metric] += all[metric] * part;
    }
    return placed;
  }

  /** All rates of a host in METRICS' units, into `rates`. Reads only. */
  ratesOf(table: HostTable, slot: number, rates: Float64Array): void {
    for (let metric = 0; metric < METRIC_COUNT; metric++) rates[metric] = this.rateOf(table, slot, metric);
  }

  /** One rate of a host, by its place in METRICS. */
  rateOf(table: HostTable, slot: number, metric: number): number {
    const { values, words, closed } = table;
    const last = words[slot * ROW_WORDS + LAST_BUCKET];
    let sum = values[slot * ROW_VALUES + IN_PROGRESS + metric] * this.#weightOf(this.bucket - last);
    // The row may not have been rolled since: of its closed buckets, those that are still in the window.
    for (let bucket = this.bucket - CLOSED_BUCKETS; bucket < last; bucket++)
      sum += closed[closedPlace(slot, bucket) + metric] * this.#weightOf(this.bucket - bucket);
    return (sum * RATE_PER_COUNT[metric]) / this.windowSeconds;
  }

  /** Writes buckets that give these rates, as if the rates had been steady for the length of the window. */
  fill(table: HostTable, slot: number, rates: Float64Array): void {
    const { values, words, closed } = table;
    words[slot * ROW_WORDS + LAST_BUCKET] = this.bucket;
    const elapsedSeconds = (this.now - this.bucketStartMs) / 1000;
    const current = slot * ROW_VALUES + IN_PROGRESS;
    clear(values, current, BUCKET_VALUES);
    for (let metric = 0; metric < METRIC_COUNT; metric++) {
      const perSecond = rates[metric] / RATE_PER_COUNT[metric];
      values[current + metric] = perSecond * elapsedSeconds;
      for (let age = 1; age < BUCKETS; age++)
        closed[closedPlace(slot, this.bucket - age) + metric] = (perSecond * this.bucketMs) / 1000;
    }
  }

  /** The part of a bucket that is in the window; `age` 0 is the one in progress. */
  #weightOf(age: number): number {
    if (age > BUCKETS_PER_WINDOW) return 0;
    return age < BUCKETS_PER_WINDOW ? 1 : 1 - (this.now - this.bucketStartMs) / this.bucketMs;
  }
}

/** `fill(0)`, which takes longer for so few values. */
function clear(values: Float64Array | Float32Array, from: number, count: number): void {
  for (let i = from; i < from + count; i++) values[i] = 0;
}
