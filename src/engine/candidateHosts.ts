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

import { METRIC_COUNT, RATE_PER_COUNT, type RateUnit, TRAFFIC_METRICS } from '../trafficMetrics.ts';
import type { EnginePlan } from './enginePlan.ts';
import { grown } from './grownColumn.ts';
import {
  BUCKETS,
  CANDIDATE_PLACE,
  FIRST_BUCKET,
  GROUP_AND_FLAGS,
  GROUP_MASK,
  type HostTable,
  LAST_BUCKET,
  LATE_DELAYS,
  LATE_PACKETS,
  ROW_VALUES,
  ROW_WORDS,
  SAMPLING_RATE,
  SLAB_MASK,
  SLAB_SHIFT,
} from './hostTable.ts';
import { LATE_KEPT, type RateWindow } from './rateWindow.ts';
import { HISTORY_BUCKETS, LATEST_BUCKETS, type TrafficHistory } from './trafficHistory.ts';
import { BYTES, FLOWS, PACKETS } from './trafficKinds.ts';

/** The shares of a group: of packets, bytes and flow records. */
const SHARE_OF_UNIT: Readonly<Record<RateUnit, number>> = { packets: 0, megabits: 1, flows: 2 };
export const SHARES_PER_GROUP = 3;

/**
 * The part of its share at which a host becomes a candidate: small, so that the traffic before an attack is in its
 * history when the attack is reported late.
 */
const PART_OF_SHARE = 0.1;

/** The part of a host's packets that may be missing in its rates, because they are reported late. */
const MOST_LATE_PART = 0.1;

/** A delay of this part of a bucket is none. */
const LAG_SLACK = 0.25;

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
  /** The latest bucket in which the host was over its part of the share. */
  #overBuckets = new Int32Array(256);
  /** Sums of recent packets that were reported late, and of their delays, and the bucket in which they were last added to. */
  #latePackets = new Float64Array(256);
  #lateDelays = new Float64Array(256);
  #lateBuckets = new Int32Array(256);

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

  /** The row of the history of the host at this place of the list, or `NO_HISTORY`. */
  historyAt(place: number): number {
    return this.#histories[place];
  }

  /** Notes that the bucket in progress of a host on the list is over its part of a share. */
  renew(place: number): void {
    this.#overBuckets[place] = this.#window.bucket;
  }

  /** Notes that a host on the list got so many packets so long after they passed. */
  noteLate(place: number, packets: number, delayMs: number): void {
    const { bucket } = this.#window;
    if (this.#lateBuckets[place] !== bucket) {
      const part = LATE_KEPT ** Math.min(100, bucket - this.#lateBuckets[place]);
      this.#lateBuckets[place] = bucket;
      this.#latePackets[place] *= part;
      this.#lateDelays[place] *= part;
    }
    this.#latePackets[place] += packets;
    this.#lateDelays[place] += packets * delayMs;
  }

  /**
   * How many buckets behind the rates of a host are told: the packets of some floods are reported long after they
   * passed, and the window that ends now would be empty. 0 where nearly all are reported at once.
   */
  lagOf(slot: number): number {
    const place = this.#table.word(slot, CANDIDATE_PLACE) - 1;
    if (place < 0 || this.#latePackets[place] <= MOST_LATE_PART * this.#packetsOf(slot)) return 0;
    const delayMs = this.#lateDelays[place] / this.#latePackets[place];
    return Math.min(Math.ceil(delayMs / this.#window.bucketMs - LAG_SLACK), LATEST_BUCKETS);
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
    this.#overBuckets[place] = this.#window.bucket;
    this.#latePackets[place] = 0;
    this.#lateDelays[place] = 0;
    this.#lateBuckets[place] = this.#window.bucket;
    if (history !== NO_HISTORY) this.#seed(slot, history);
  }

  /** Drops a host that was not over its part of a share in its whole history. The last host takes its place. */
  dropIfQuiet(place: number): void {
    if (this.#overBuckets[place] + HISTORY_BUCKETS <= this.#window.bucket) this.#dropAt(place);
  }

  /** Removes hosts from the list that are about to be removed from the table. */
  drop(leaving: (slot: number) => boolean): void {
    for (let place = this.count - 1; place >= 0; place--) {
      if (leaving(this.#slots[place])) this.#dropAt(place);
    }
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
    const { values, words } = this.#table.slabs[slot >> SLAB_SHIFT];
    const row = slot & SLAB_MASK;
    const sharesAt = (words[row * ROW_WORDS + GROUP_AND_FLAGS] & GROUP_MASK) * SHARES_PER_GROUP;
    for (let position = 0; position < BUCKETS; position++) {
      const at = row * ROW_VALUES + FIRST_BUCKET + position * METRIC_COUNT;
      if (
        values[at + PACKETS] > this.shares[sharesAt] ||
        values[at + BYTES] > this.shares[sharesAt + 1] ||
        values[at + FLOWS] > this.shares[sharesAt + 2]
      )
        return true;
    }
    return false;
  }

  /**
   * The buckets of the table are by the time of arrival. What was reported late belongs earlier: where it is, it would
   * come on top of what passed then and is reported later.
   */
  #seed(slot: number, history: number): void {
    const { values, words } = this.#table.slabs[slot >> SLAB_SHIFT];
    const row = slot & SLAB_MASK;
    const lastBucket = words[row * ROW_WORDS + LAST_BUCKET];
    const samplingRate = values[row * ROW_VALUES + SAMPLING_RATE];
    const { now, bucket, position } = this.#window;
    const latePart = this.#latePart(slot);
    const delayMs =
      latePart === 0 ? 0 : values[row * ROW_VALUES + LATE_DELAYS] / values[row * ROW_VALUES + LATE_PACKETS];
    for (let age = BUCKETS - 1; age >= 0; age--) {
      const from = bucket - age;
      if (from > lastBucket || from <= lastBucket - BUCKETS) continue;
      const at = row * ROW_VALUES + FIRST_BUCKET + ((position + BUCKETS - age) % BUCKETS) * METRIC_COUNT;
      const fromMs = this.#window.startOf(from);
      const untilMs = Math.min(now, this.#window.startOf(from + 1));
      this.#history.seed(history, fromMs, untilMs, values, at, 1 - latePart, samplingRate);
      if (latePart > 0)
        this.#history.seed(history, fromMs - delayMs, untilMs - delayMs, values, at, latePart, samplingRate);
    }
  }

  /** The part of the packets in a host's buckets that were reported late. */
  #latePart(slot: number): number {
    const { values } = this.#table.slabs[slot >> SLAB_SHIFT];
    const packets = this.#packetsOf(slot);
    return packets > 0 ? Math.min(1, values[(slot & SLAB_MASK) * ROW_VALUES + LATE_PACKETS] / packets) : 0;
  }

  /** The packets in a host's five buckets. */
  #packetsOf(slot: number): number {
    const { values } = this.#table.slabs[slot >> SLAB_SHIFT];
    const first = (slot & SLAB_MASK) * ROW_VALUES + FIRST_BUCKET + PACKETS;
    let packets = 0;
    for (let position = 0; position < BUCKETS; position++) packets += values[first + position * METRIC_COUNT];
    return packets;
  }

  #dropAt(place: number): void {
    const history = this.#histories[place];
    if (history !== NO_HISTORY) this.#history.free(history);
    this.#table.setWord(this.#slots[place], CANDIDATE_PLACE, 0);
    const last = --this.count;
    if (place === last) return;
    this.#slots[place] = this.#slots[last];
    this.#histories[place] = this.#histories[last];
    this.#overBuckets[place] = this.#overBuckets[last];
    this.#latePackets[place] = this.#latePackets[last];
    this.#lateDelays[place] = this.#lateDelays[last];
    this.#lateBuckets[place] = this.#lateBuckets[last];
    this.#table.setWord(this.#slots[place], CANDIDATE_PLACE, place + 1);
  }

  #grow(): void {
    const capacity = 2 * this.#slots.length;
    this.#slots = grown(this.#slots, new Int32Array(capacity));
    this.#histories = grown(this.#histories, new Int32Array(capacity));
    this.#overBuckets = grown(this.#overBuckets, new Int32Array(capacity));
    this.#latePackets = grown(this.#latePackets, new Float64Array(capacity));
    this.#lateDelays = grown(this.#lateDelays, new Float64Array(capacity));
    this.#lateBuckets = grown(this.#lateBuckets, new Int32Array(capacity));
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
