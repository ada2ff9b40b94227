/*
 * How far the times in an exporter's records are from the time in its header, where that is not what it should be.
 *
 * A flow ends before it is exported, mostly by less than a minute. Some exporters take the two times from different
 * clocks: local time and UTC, or two devices behind one process. Then no record is recent by its header, and the
 * smallest difference that is seen is that of the clocks. An exporter of which any record is plausible has one clock, so
 * a single forged datagram changes nothing.
 */

import type { FlowBatch } from '../../flowBatch.ts';

/** Differences in this range are plausible: a header in whole seconds may be a second early. */
const EARLIEST_MS = -2000;
const LATEST_MS = 60_000;

/** The difference is learned from all data sets in this time, at least `ENOUGH_SETS`. */
const LEARNING_MS = 30_000;
const ENOUGH_SETS = 3;

export class ExportClock {
  /** To be subtracted from every difference. */
  #offsetMs = 0;
  #beganAt = Number.NEGATIVE_INFINITY;
  #sets = 0;
  #smallestMs = Number.POSITIVE_INFINITY;
  #hasPlausible = false;

  /** Learns from the first of these rows, and subtracts the offset from all. They were received at `now`. */
  correct({ endAgoMs }: FlowBatch, row: number, count: number, now: number): void {
    if (now - this.#beganAt >= LEARNING_MS) this.#conclude(now);
    const ms = endAgoMs[row];
    this.#sets++;
    if (ms >= EARLIEST_MS && ms <= LATEST_MS) this.#hasPlausible = true;
    else this.#smallestMs = Math.min(this.#smallestMs, ms);
    if (this.#offsetMs === 0) return;
    for (let i = row; i < row + count; i++) endAgoMs[i] -= this.#offsetMs;
  }

  #conclude(now: number): void {
    if (this.#hasPlausible) this.#offsetMs = 0;
    else if (this.#sets >= ENOUGH_SETS) this.#offsetMs = this.#smallestMs;
    this.#beganAt = now;
    this.#sets = 0;
    this.#smallestMs = Number.POSITIVE_INFINITY;
    this.#hasPlausible = false;
  }
}
