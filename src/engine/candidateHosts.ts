/*
 * Hosts that could be over a limit, found while counting instead of by scanning the table.
 *
 * A window's sum has five parts in each thread. If the sum over all threads is over limit × window, then at least one
 * part is over its share, limit × window / (5 × threads). So a host of which no thread had a bucket over the share in
 * the last five buckets is under its limits, and needs no look. Each group has three shares: of its smallest limits of
 * packets, of bytes and of flow records. They are compared with all traffic of a host, which is never less than that of
 * one kind.
 */
import { METRIC_COUNT, RATE_PER_COUNT, type RateUnit, TRAFFIC_METRICS } from '../trafficMetrics.ts';
import type { EnginePlan } from './enginePlan.ts';
import {
  BUCKETS,
  CANDIDATE_BUCKET,
  FIRST_BUCKET,
  GROUP_AND_FLAGS,
  GROUP_MASK,
  type HostTable,
  IS_CANDIDATE,
  LAST_BUCKET,
  ROW_VALUES,
  ROW_WORDS,
  SLAB_MASK,
  SLAB_SHIFT,
} from './hostTable.ts';
import { BYTES, FLOWS, PACKETS } from './trafficKinds.ts';

/** The shares of a group: of packets, bytes and flow records. */
const SHARE_OF_UNIT: Readonly<Record<RateUnit, number>> = { packets: 0, megabits: 1, flows: 2 };
export const SHARES_PER_GROUP = 3;

/** So that rounding puts no sum over the limit whose parts are all exactly at their share. */
const A_LITTLE_LESS = 1 - 1e-9;

export class CandidateHosts {
  /** `SHARES_PER_GROUP` values for each group, for one bucket. */
  shares: Float64Array;
  /** Hosts on the list. */
  count = 0;
  readonly #table: HostTable;
  #slots = new Int32Array(256);

  constructor(table: HostTable, plan: EnginePlan) {
    this.#table = table;
    this.shares = sharesOf(plan);
  }

  useLimits(plan: EnginePlan): void {
    this.shares = sharesOf(plan);
  }

  slotAt(place: number): number {
    return this.#slots[place];
  }

  /** A bucket of this host is over its share. */
  mark(slot: number, bucket: number): void {
    this.#table.setWord(slot, CANDIDATE_BUCKET, bucket);
    const flags = this.#table.word(slot, GROUP_AND_FLAGS);
    if ((flags & IS_CANDIDATE) !== 0) return;
    this.#table.setWord(slot, GROUP_AND_FLAGS, flags | IS_CANDIDATE);
    if (this.count === this.#slots.length) {
      const larger = new Int32Array(2 * this.count);
      larger.set(this.#slots);
      this.#slots = larger;
    }
    this.#slots[this.count++] = slot;
  }

  /**
   * Marks the host if any of its buckets is over its share, or the one in progress is with `morePackets` and
   * `moreBytes` added. In a row that was not rolled to `bucket`, old buckets may mark a host that is under its share,
   * but no host over its share is missed.
   */
  judge(slot: number, bucket: number, morePackets: number, moreBytes: number): void {
    const { values, words } = this.#table.slabs[slot >> SLAB_SHIFT];
    const row = slot & SLAB_MASK;
    const sharesAt = (words[row * ROW_WORDS + GROUP_AND_FLAGS] & GROUP_MASK) * SHARES_PER_GROUP;
    const inProgress = bucket % BUCKETS;
    for (let position = 0; position < BUCKETS; position++) {
      const at = row * ROW_VALUES + FIRST_BUCKET + position * METRIC_COUNT;
      const packets = values[at + PACKETS] + (position === inProgress ? morePackets : 0);
      const bytes = values[at + BYTES] + (position === inProgress ? moreBytes : 0);
      if (
        packets > this.shares[sharesAt] ||
        bytes > this.shares[sharesAt + 1] ||
        values[at + FLOWS] > this.shares[sharesAt + 2]
      ) {
        this.mark(slot, bucket);
        return;
      }
    }
  }

  /**
   * Whether the host was a candidate in a bucket that still counts. If not, the last host of the list takes its place.
   */
  keepOrDrop(place: number, bucket: number): boolean {
    if (this.#table.word(this.#slots[place], CANDIDATE_BUCKET) + BUCKETS > bucket) return true;
    this.#dropAt(place);
    return false;
  }

  /** Removes hosts from the list that are about to be removed from the table. */
  drop(leaving: (slot: number) => boolean): void {
    for (let place = this.count - 1; place >= 0; place--) {
      if (leaving(this.#slots[place])) this.#dropAt(place);
    }
  }

  /** Judges every host of the table anew: the limits, the groups or the length of a bucket have changed. */
  judgeAll(bucket: number): void {
    for (let slot = 0; slot < this.#table.usedSlots; slot++) {
      if (!this.#table.isUsed(slot)) continue;
      if (this.#table.word(slot, LAST_BUCKET) + BUCKETS > bucket) this.judge(slot, bucket, 0, 0);
    }
  }

  #dropAt(place: number): void {
    const slot = this.#slots[place];
    this.#table.setWord(slot, GROUP_AND_FLAGS, this.#table.word(slot, GROUP_AND_FLAGS) & ~IS_CANDIDATE);
    this.#slots[place] = this.#slots[--this.count];
  }
}

function sharesOf(plan: EnginePlan): Float64Array {
  const shares = new Float64Array(SHARES_PER_GROUP * plan.groups.length).fill(Number.POSITIVE_INFINITY);
  const parts = BUCKETS * plan.workers;
  plan.groups.forEach(({ limits }, group) => {
    TRAFFIC_METRICS.forEach(({ offset, unit }) => {
      const share = group * SHARES_PER_GROUP + SHARE_OF_UNIT[unit];
      const sum = (limits[offset] / RATE_PER_COUNT[offset]) * plan.windowSeconds;
      shares[share] = Math.min(shares[share], (sum / parts) * A_LITTLE_LESS);
    });
  });
  return shares;
}
