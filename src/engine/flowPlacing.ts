/*
 * What a flow record needs beside being counted now: a new bucket of its host, a place in the history of a candidate, the
 * period of a flow that lasts longer than the window. Most records need none of it (`flowCounter.ts`).
 *
 * `row` is that of the flow in the batch, `slot` that of its host in the table.
 */
import type { FlowBatch } from '../flowBatch.ts';
import { type CandidateHosts, NO_HISTORY, SHARES_PER_GROUP } from './candidateHosts.ts';
import {
  GROUP_AND_FLAGS,
  GROUP_MASK,
  type HostTable,
  IN_PROGRESS,
  LAST_BUCKET,
  LATE_DELAYS,
  LATE_PACKETS,
  ROW_VALUES,
  ROW_WORDS,
} from './hostTable.ts';
import type { LastingFlows } from './lastingFlows.ts';
import type { RateWindow } from './rateWindow.ts';
import { addSampled, BYTES, FLOWS, PACKETS } from './trafficCounters.ts';
import { LATEST_BUCKETS, type TrafficHistory } from './trafficHistory.ts';

/** Packets that are reported later than this part of a bucket belong elsewhere. */
export const LATE_AFTER = 0.25;

export class FlowPlacing {
  readonly #batch: FlowBatch;
  readonly #table: HostTable;
  readonly #lasting: LastingFlows;
  readonly #history: TrafficHistory;
  readonly #candidates: CandidateHosts;
  #window: RateWindow;

  constructor(
    batch: FlowBatch,
    table: HostTable,
    lasting: LastingFlows,
    history: TrafficHistory,
    candidates: CandidateHosts,
    window: RateWindow,
  ) {
    this.#batch = batch;
    this.#table = table;
    this.#lasting = lasting;
    this.#history = history;
    this.#candidates = candidates;
    this.#window = window;
  }

  useWindow(window: RateWindow): void {
    this.#window = window;
  }

  /** Begins a bucket of a host. The one before goes to its history too, if it has one. */
  roll(slot: number): void {
    const history = this.#candidates.historyOf(slot);
    if (history !== NO_HISTORY) {
      const last = this.#table.word(slot, LAST_BUCKET);
      this.#history.addBucket(history, last, this.#table.values, slot * ROW_VALUES + IN_PROGRESS);
    }
    this.#window.roll(this.#table, slot);
  }

  /** Places a record in the history of a host, over the period that it covers. False where it has none. */
  place(row: number, slot: number, periodMs: number, kinds: number, packets: number, bytes: number): boolean {
    const history = this.#candidates.historyOf(slot);
    if (history === NO_HISTORY) return false;
    const { now, bucketMs } = this.#window;
    const placing = this.#history;
    placing.untilMs = now - Math.min(this.#batch.endAgoOf(row), LATEST_BUCKETS * bucketMs);
    placing.fromMs = placing.untilMs - periodMs;
    placing.place(history, packets, bytes, kinds, this.#batch.samplingRate[row]);
    return true;
  }

  /**
   * Counts a record of a flow that lasts longer than the window, or to a host that has such flows: its period is not
   * what its times say.
   */
  countLasting(row: number, slot: number, kinds: number, packets: number, bytes: number): void {
    const window = this.#window;
    const endAgoMs = this.#batch.endAgoOf(row);
    const endMs = window.now - endAgoMs;
    this.#lasting.follow(this.#batch, row, slot, kinds, packets, bytes);
    const { periodFromMs } = this.#lasting;
    const periodMs = endMs - periodFromMs;
    // What its rate brings in one bucket, or all of a short record.
    const part = periodMs > window.bucketMs ? window.bucketMs / periodMs : 1;
    this.#judgeLasting(slot, packets * part, bytes * part);
    if (this.place(row, slot, periodMs, kinds, packets, bytes)) {
      if (endAgoMs > window.bucketMs * LATE_AFTER) this.noteLate(row, slot, packets);
      return;
    }
    const { values } = this.#table;
    const rate = this.#batch.samplingRate[row];
    const at = slot * ROW_VALUES + IN_PROGRESS;
    values[at + FLOWS] += 1;
    if (window.place(this.#table, slot, periodFromMs, endMs, packets, bytes, kinds, rate)) return;
    addSampled(values, at, packets * part, bytes * part, kinds, rate);
    this.noteLate(row, slot, packets * part);
  }

  /** Notes packets that were reported long after they passed. */
  noteLate(row: number, slot: number, packets: number): void {
    const { floats } = this.#table;
    const delayMs = Math.min(this.#batch.endAgoOf(row), LATEST_BUCKETS * this.#window.bucketMs);
    floats[slot * ROW_WORDS + LATE_PACKETS] += packets;
    floats[slot * ROW_WORDS + LATE_DELAYS] += packets * delayMs;
  }

  /** Makes a candidate of a host that is over its part of a share with these packets and bytes in this bucket. */
  #judgeLasting(slot: number, packets: number, bytes: number): void {
    const { values, words } = this.#table;
    const at = slot * ROW_VALUES + IN_PROGRESS;
    const sharesAt = (words[slot * ROW_WORDS + GROUP_AND_FLAGS] & GROUP_MASK) * SHARES_PER_GROUP;
    const { shares } = this.#candidates;
    const bucketSeconds = this.#window.bucketMs / 1000;
    const allPackets = values[at + PACKETS] + packets + this.#lasting.packetsPerSecond(slot) * bucketSeconds;
    const allBytes = values[at + BYTES] + bytes + this.#lasting.bytesPerSecond(slot) * bucketSeconds;
    if (allPackets > shares[sharesAt] || allBytes > shares[sharesAt + 1] || values[at + FLOWS] > shares[sharesAt + 2])
      this.#candidates.admit(slot);
  }
}
