/*
 * Hosts that could be over a limit, found while counting instead of by scanning the table. Each has a history, in which
 * its traffic is placed more exactly than in the row of the host table.
 *
 * A window's sum has five parts in each thread. If the sum over all threads is over limit × window, then at least one
 * part is over its share, limit × window / (5 × threads). So a host of which no thread had a bucket over the share is
 * under its limits, and needs no look. A host becomes a candidate at a tenth of the share, so that its history begins
 * before it matters. Each group has three shares: of its smallest limits of packets, of bytes and of flow records. They
 * are compared with all traffic of a host, which is never less than that of one kind.
 */

import { RATE_PER_COUNT, type RateUnit, TRAFFIC_METRICS } from '../trafficMetrics.ts';
import type { EnginePlan } from './enginePlan.ts';
import { grown } from './grownColumn.ts';
import {
  BUCKETS,
  CANDIDATE_PLACE,
  CLOSED_BUCKETS,
  CLOSED_VALUES,
  closedPlace,
  GROUP_AND_FLAGS,
  GROUP_MASK,
  type HostTable,
  IN_PROGRESS,
  LAST_BUCKET,
  LATE_DELAYS,
  LATE_PACKETS,
  MEAN_SAMPLING_RATE,
  ROW_VALUES,
  ROW_WORDS,
} from './hostTable.ts';
import type { RateWindow } from './rateWindow.ts';
import { BUCKET_VALUES, BYTES, FLOWS, PACKETS } from './trafficCounters.ts';
import { HISTORY_BUCKETS, type TrafficHistory } from './trafficHistory.ts';

/** The shares of a group: of packets, bytes and flow records. */
const SHARE_OF_UNIT: Readonly<Record<RateUnit, number>> = { packets: 0, megabits: 1, flows: 2 };
export const SHARES_PER_GROUP = 3;

/**
 * The part of its share at which a host becomes a candidate: small, so that the traffic before an attack is in its
 * history when the attack is reported late.
 */
const PART_OF_SHARE = 0.1;

/** A host without a history: all rows were taken. */
export const NO_HISTORY = -1;

export class CandidateHosts {
  /** `SHARES_PER_GROUP` values for each group, for one bucket. */
  shares: Float64Array;
  /** Hosts on the list. */
  count = 0;
  /** Hosts that found no room for a history. They are judged by their five buckets. */
  withoutHistory = 0;
  readonly #table: HostTable;
  readonly #history: TrafficHistory;
  #window: RateWindow;

  #slots = new Int32Array(256);
  #histories = new Int32Array(256);
  /** The bucket until which the host stays on the list, and is then looked at again. */
  #keptUntil = new Int32Array(256);

  constructor(table: HostTable, history: TrafficHistory, window: RateWindow, plan: EnginePlan) {
    this.#table = table;
    this.#history = history;
    this.#window = window;
    this.shares = sharesOf(plan);
  }

  useLimits(plan: EnginePlan): void {
    this.shares = sharesOf(plan);
  }

  slotAt(place: number): number {
    return this.#slots[place];
  }

  /** The row of the host's history, or `NO_HISTORY`. */
  historyOf(slot: number): number {
    const place = this.#table.word(slot, CANDIDATE_PLACE) - 1;
    return place < 0 ? NO_HISTORY : this.#histories[place];
  }

  /** Puts a host on the list, and begins its history with the buckets of the table. Does nothing where it is there. */
  admit(slot: number): void {
    if (this.#table.word(slot, CANDIDATE_PLACE) !== 0) return;
    if (this.count === this.#slots.length) this.#grow();
    const place = this.count++;
    const history = this.#history.allocate();
    if (history === NO_HISTORY) this.withoutHistory++;
    this.#table.setWord(slot, CANDIDATE_PLACE, place + 1);
    this.#slots[place] = slot;
    this.#histories[place] = history;
    this.#keptUntil[place] = this.#window.bucket + HISTORY_BUCKETS;
    if (history !== NO_HISTORY) this.#seed(slot, history);
  }

  /**
   * Drops a host that was not over its part of a share in its whole history, of which `series` is the copy. The last host
   * takes its place.
   */
  dropIfQuiet(place: number, series: Float64Array): void {
    const { bucket } = this.#window;
    if (this.#keptUntil[place] > bucket) return;
    const group = this.#table.word(this.#slots[place], GROUP_AND_FLAGS) & GROUP_MASK;
    for (let age = 0; age < HISTORY_BUCKETS; age++) {
      if (!this.#isOverShare(series, (HISTORY_BUCKETS - 1 - age) * BUCKET_VALUES, group)) continue;
      this.#keptUntil[place] = bucket + HISTORY_BUCKETS - age;
      return;
    }
    this.#dropAt(place);
  }

  /** Removes hosts from the list that are about to be removed from the table. */
  drop(leaving: (slot: number) => boolean): void {
    for (let place = this.count - 1; place >= 0; place--) {
      if (leaving(this.#slots[place])) this.#dropAt(place);
    }
  }

  /** Removes a host that is on the list, and frees its history. */
  remove(slot: number): void {
    this.#dropAt(this.#table.word(slot, CANDIDATE_PLACE) - 1);
  }

  /** Removes all hosts from the list, for buckets of another length. */
  useWindow(window: RateWindow): void {
    this.drop(() => true);
    this.#window = window;
  }

  /** Judges every host of the table anew: the limits, the groups or the length of a bucket have changed. */
  judgeAll(): void {
    for (let slot = 0; slot < this.#table.usedSlots; slot++) {
      if (!this.#table.isUsed(slot)) continue;
      if (this.#table.word(slot, LAST_BUCKET) + BUCKETS > this.#window.bucket && this.isOver(slot)) this.admit(slot);
    }
  }

  /**
   * Whether any bucket of the host is over its part of the share. Where the row was not rolled, old buckets may make a
   * candidate of a host that is none.
   */
  isOver(slot: number): boolean {
    const { values, words, closed } = this.#table;
    const group = words[slot * ROW_WORDS + GROUP_AND_FLAGS] & GROUP_MASK;
    if (this.#isOverShare(values, slot * ROW_VALUES + IN_PROGRESS, group)) return true;
    for (let bucket = 0; bucket < CLOSED_BUCKETS; bucket++) {
      if (this.#isOverShare(closed, closedPlace(slot, bucket), group)) return true;
    }
    return false;
  }

  #isOverShare(values: Float64Array | Float32Array, at: number, group: number): boolean {
    const sharesAt = group * SHARES_PER_GROUP;
    return (
      values[at + PACKETS] > this.shares[sharesAt] ||
      values[at + BYTES] > this.shares[sharesAt + 1] ||
      values[at + FLOWS] > this.shares[sharesAt + 2]
    );
  }

  /**
   * Begins a history with the closed buckets of the table, which are by the time of arrival. What was reported late
   * belongs earlier: where it is, it would come on top of what passed then and is reported later.
   */
  #seed(slot: number, history: number): void {
    const { values, words, closed } = this.#table;
    const window = this.#window;
    const last = words[slot * ROW_WORDS + LAST_BUCKET];
    const current = slot * ROW_VALUES + IN_PROGRESS;
    const [latePart, delayMs] = this.#lateness(slot);
    const seed = (bucket: number, counters: Float64Array | Float32Array, at: number, part: number, agoMs: number) => {
      const fromMs = window.startOf(bucket) - agoMs;
      const untilMs = Math.min(window.now, window.startOf(bucket + 1)) - agoMs;
      const samplingRate = closed[slot * CLOSED_VALUES + MEAN_SAMPLING_RATE];
      if (part > 0) this.#history.seed(history, fromMs, untilMs, counters, at, part, samplingRate);
    };
    for (let bucket = last - CLOSED_BUCKETS; bucket < last; bucket++) {
      const at = closedPlace(slot, bucket);
      seed(bucket, closed, at, 1 - latePart, 0);
      seed(bucket, closed, at, latePart, delayMs);
    }
    // The rest of the bucket in progress comes to the history when it is closed.
    seed(last, values, current, latePart, delayMs);
    for (let column = 0; column < BUCKET_VALUES; column++) values[current + column] *= 1 - latePart;
  }

  /** The part of the packets in a host's buckets that were reported late, 0 to 1, and how late on average. */
  #lateness(slot: number): readonly [number, number] {
    const { floats } = this.#table;
    const row = slot * ROW_WORDS;
    const late = floats[row + LATE_PACKETS];
    const packets = this.#table.packetsOf(slot);
    return late > 0 && packets > 0 ? [Math.min(1, late / packets), floats[row + LATE_DELAYS] / late] : [0, 0];
  }

  #dropAt(place: number): void {
    const history = this.#histories[place];
    if (history !== NO_HISTORY) this.#history.free(history);
    this.#table.setWord(this.#slots[place], CANDIDATE_PLACE, 0);
    const last = --this.count;
    if (place === last) return;
    this.#slots[place] = this.#slots[last];
    this.#histories[place] = this.#histories[last];
    this.#keptUntil[place] = this.#keptUntil[last];
    this.#table.setWord(this.#slots[place], CANDIDATE_PLACE, place + 1);
  }

  #grow(): void {
    const capacity = 2 * this.#slots.length;
    this.#slots = grown(this.#slots, new Int32Array(capacity));
    this.#histories = grown(this.#histories, new Int32Array(capacity));
    this.#keptUntil = grown(this.#keptUntil, new Int32Array(capacity));
  }
}

function sharesOf(plan: EnginePlan): Float64Array {
  const shares = new Float64Array(SHARES_PER_GROUP * plan.groups.length).fill(Number.POSITIVE_INFINITY);
  const parts = BUCKETS * plan.workers;
  plan.groups.forEach(({ limits }, group) => {
    TRAFFIC_METRICS.forEach(({ offset, unit }) => {
      const share = group * SHARES_PER_GROUP + SHARE_OF_UNIT[unit];
      const sum = (limits[offset] / RATE_PER_COUNT[offset]) * plan.windowSeconds;
      shares[share] = Math.min(shares[share], (sum / parts) * PART_OF_SHARE);
    });
  });
  return shares;
}
