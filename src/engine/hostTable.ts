/*
 * The table of tracked hosts: from an address to a row of counters, for the hot path.
 *
 * All rows are allocated at once, but the operating system gives memory only to those that were used. A row is 160 bytes,
 * seen as words, as floats and as doubles, so that finding a host and counting its flow touch neighbouring memory:
 *
 *   words   0-3  address                              doubles  4-18  the bucket in progress: counters and variances,
 *           4    bucket in progress                                  as in trafficCounters.ts
 *           5    group and flags                      floats   38    packets that were reported late, of the last
 *           6    place among the candidates, plus one                five buckets
 *           7    row in the table of hosts with                39    the same, times milliseconds of delay
 *                lasting flows, plus one
 *
 * The four buckets before are in another array, because a flow rarely needs them: 212 bytes, only the counters, as
 * floats: what is rounded there is a sum, and few flows are added to it later.
 *
 * The index uses open addressing with linear probing. It is at most half full and is allocated once, because growing it
 * would stop the receiving thread for a full rehash. An entry holds ten bits of the hash beside the row's slot, so that
 * a probe of another host's entry does not read its row. With 8 to 16 bytes of index, a host takes less than 400 bytes.
 */
import { NO_HOST } from '../flowBatch.ts';
import type { Address } from '../net/address.ts';
import { METRIC_COUNT } from '../trafficMetrics.ts';
import { type HostHash, hostHash } from './hostHash.ts';
import type { HostSample } from './hostSample.ts';
import { BUCKET_VALUES, PACKETS } from './trafficCounters.ts';

/** Buckets of a host: the one in progress, and the closed ones. */
export const CLOSED_BUCKETS = 4;
export const BUCKETS = CLOSED_BUCKETS + 1;

/** Size of a row, in doubles and in words. */
export const ROW_VALUES = 20;
export const ROW_WORDS = 2 * ROW_VALUES;

/** Offsets within a row, of words, of doubles and of floats. */
export const LAST_BUCKET = 4;
export const GROUP_AND_FLAGS = 5;
export const CANDIDATE_PLACE = 6;
export const LASTING_ROW = 7;
export const IN_PROGRESS = 4;
export const LATE_PACKETS = 2 * (IN_PROGRESS + BUCKET_VALUES);
export const LATE_DELAYS = LATE_PACKETS + 1;

/** Size of a row of closed buckets, and what follows these: the mean sampling rate of the latest with packets. */
export const CLOSED_VALUES = CLOSED_BUCKETS * METRIC_COUNT + 1;
export const MEAN_SAMPLING_RATE = CLOSED_BUCKETS * METRIC_COUNT;

/** In a row that holds no host. */
const NEXT_FREE = 0;

/** Parts of GROUP_AND_FLAGS. */
export const GROUP_MASK = 0xffff;
export const WATCHED = 1 << 16;

/** GROUP_AND_FLAGS of a row that holds no host. */
export const FREE_ROW = -1;

/** An index entry is slot + 1 with the low bits of the hash above it; 0 is an empty entry. */
export const SLOT_BITS = 22;
export const ENTRY_SLOT = 2 ** SLOT_BITS - 1;
export const TAG_MASK = 0x3ff;

/** Hosts a table can hold at most. */
export const MAX_HOST_LIMIT = 2 ** (SLOT_BITS - 1);

/** Where a bucket is in a row of closed buckets. */
export function closedPlace(slot: number, bucket: number): number {
  return slot * CLOSED_VALUES + (bucket & (CLOSED_BUCKETS - 1)) * METRIC_COUNT;
}

/**
 * The bits of a slot. In the hot path slots are masked with it: then the compiler knows how large they are, and computes
 * offsets without looking for overflows.
 */
export const SLOT_MASK = MAX_HOST_LIMIT - 1;

export class HostTable {
  /** Hosts it holds at most, up to its capacity. A lower limit than `count` only keeps new ones out. */
  limit: number;
  /** Rows. */
  readonly capacity: number;
  /** Hosts in the table. */
  count = 0;
  /** Slots below this have been used at least once. */
  usedSlots = 0;
  /** Has no meaning. It is kept so that the reads that went into it are not optimised away. */
  touched = 0;

  /** Views of the same bytes. The row of a slot begins at slot × ROW_VALUES or slot × ROW_WORDS. */
  readonly values: Float64Array;
  readonly words: Int32Array;
  readonly floats: Float32Array;
  /** Bucket number n of a slot is at `closedPlace(slot, n)`. */
  readonly closed: Float32Array;

  /** Entries by the upper bits of the hash. */
  readonly index: Int32Array;
  readonly indexShift: number;
  readonly hash: HostHash;
  /** The slot of a host, or NO_HOST. The words may be signed or unsigned. */
  readonly find: (word0: number, word1: number, word2: number, word3: number) => number;
  /** Head of the list of freed rows, chained through NEXT_FREE; NO_HOST = none. */
  #firstFree = NO_HOST;

  /** `limit`: 1 to `capacity`. `capacity`: rows for a limit that is raised later, at most MAX_HOST_LIMIT. */
  constructor(limit: number, seed: number, capacity = limit) {
    if (!(limit >= 1 && limit <= capacity)) throw new Error(`host limit ${limit} is not in 1-${capacity}`);
    if (capacity > MAX_HOST_LIMIT) throw new Error(`host capacity ${capacity} is over ${MAX_HOST_LIMIT}`);
    this.limit = limit;
    this.capacity = capacity;
    this.values = new Float64Array(capacity * ROW_VALUES);
    this.words = new Int32Array(this.values.buffer);
    this.floats = new Float32Array(this.values.buffer);
    this.closed = new Float32Array(capacity * CLOSED_VALUES);
    const indexBits = Math.max(4, Math.ceil(Math.log2(2 * capacity)));
    this.index = new Int32Array(2 ** indexBits);
    this.indexShift = 32 - indexBits;
    this.hash = hostHash(seed);
    this.find = hostFinder(this);
  }

  /** Bytes of the rows in use and of the index. */
  get bytes(): number {
    return this.index.byteLength + this.usedSlots * (ROW_VALUES * 8 + CLOSED_VALUES * 4);
  }

  /** The slot of an address, or `NO_HOST`. */
  findAddress({ word0, word1, word2, word3 }: Address): number {
    return this.find(word0, word1, word2, word3);
  }

  /**
   * Adds a host that is not in the table, with an empty window, and returns its slot; NO_HOST where the table is full.
   */
  add(word0: number, word1: number, word2: number, word3: number, group: number): number {
    if (this.count >= this.limit) return NO_HOST;
    const slot = this.#takeRow();
    const { words } = this;
    const row = slot * ROW_WORDS;
    words.fill(0, row, row + ROW_WORDS);
    this.closed[slot * CLOSED_VALUES + MEAN_SAMPLING_RATE] = 1;
    words[row] = word0;
    words[row + 1] = word1;
    words[row + 2] = word2;
    words[row + 3] = word3;
    words[row + LAST_BUCKET] = -BUCKETS;
    words[row + GROUP_AND_FLAGS] = group;
    const hash = this.hash(word0, word1, word2, word3);
    let at = hash >>> this.indexShift;
    while (this.index[at] !== 0) at = this.#after(at);
    this.index[at] = ((hash & TAG_MASK) << SLOT_BITS) | (slot + 1);
    this.count++;
    return slot;
  }

  /** Frees the row of a host; its slot may be given to another one. */
  remove(slot: number): void {
    let at = this.#homeOf(slot);
    while ((this.index[at] & ENTRY_SLOT) !== slot + 1) at = this.#after(at);
    this.#closeGap(at);
    this.setWord(slot, GROUP_AND_FLAGS, FREE_ROW);
    this.setWord(slot, NEXT_FREE, this.#firstFree);
    this.#firstFree = slot;
    this.count--;
  }

  /** Whether the slot holds a host. */
  isUsed(slot: number): boolean {
    return this.word(slot, GROUP_AND_FLAGS) !== FREE_ROW;
  }

  /** One word of a slot's row, by its offset; for code outside the hot loop. */
  word(slot: number, offset: number): number {
    return this.words[slot * ROW_WORDS + offset];
  }

  setWord(slot: number, offset: number, value: number): void {
    this.words[slot * ROW_WORDS + offset] = value;
  }

  /** The packets in a slot's five buckets. */
  packetsOf(slot: number): number {
    let packets = this.values[slot * ROW_VALUES + IN_PROGRESS + PACKETS];
    for (let bucket = 0; bucket < CLOSED_BUCKETS; bucket++) packets += this.closed[closedPlace(slot, bucket) + PACKETS];
    return packets;
  }

  /**
   * The hosts with the smallest hashes, a few more than `wanted`, or all. They are the first of the index up to an empty
   * entry, because no probe goes on beyond one.
   */
  sample(wanted: number): HostSample {
    const { index } = this;
    const hashes: number[] = [];
    if (this.usedSlots <= wanted) {
      for (let slot = 0; slot < this.usedSlots; slot++) if (this.isUsed(slot)) hashes.push(this.#hashOf(slot));
      return { trackedHosts: this.count, hashes: Uint32Array.from(hashes), below: 2 ** 32 };
    }
    let at = 0;
    for (; at < index.length; at++) {
      const entry = index[at];
      if (entry === 0) {
        if (hashes.length > wanted) break;
        continue;
      }
      hashes.push(this.#hashOf((entry & ENTRY_SLOT) - 1));
    }
    const below = at * 2 ** this.indexShift;
    // The index is a ring: hosts with large hashes may lie at its beginning.
    const sampled = Uint32Array.from(hashes.filter((hash) => hash < below));
    return { trackedHosts: this.count, hashes: sampled, below };
  }

  #takeRow(): number {
    const freed = this.#firstFree;
    if (freed === NO_HOST) return this.usedSlots++;
    this.#firstFree = this.word(freed, NEXT_FREE);
    return freed;
  }

  /** Empties an index entry and moves the later ones that a probe would no longer reach (Knuth 6.4, algorithm R). */
  #closeGap(emptied: number): void {
    const { index } = this;
    const mask = index.length - 1;
    let gap = emptied;
    for (let at = this.#after(gap); index[at] !== 0; at = this.#after(at)) {
      const home = this.#homeOf((index[at] & ENTRY_SLOT) - 1);
      if (((at - home) & mask) >= ((at - gap) & mask)) {
        index[gap] = index[at];
        gap = at;
      }
    }
    index[gap] = 0;
  }

  /** Where the probe for a slot's host begins. */
  #homeOf(slot: number): number {
    return this.#hashOf(slot) >>> this.indexShift;
  }

  /** The hash of a slot's host, unsigned. */
  #hashOf(slot: number): number {
    const { words } = this;
    const row = slot * ROW_WORDS;
    return this.hash(words[row], words[row + 1], words[row + 2], words[row + 3]) >>> 0;
  }

  /** The next entry of a probe. */
  #after(at: number): number {
    return (at + 1) & (this.index.length - 1);
  }
}

/**
 * `HostTable.find`. It is a closure and not a method because it is called for every flow: of a function of which there is
 * only one closure in a thread, V8 compiles what it closes over as constants, and reads arrays without checks.
 */
function hostFinder({ index, indexShift, words, hash }: HostTable): HostTable['find'] {
  const mask = index.length - 1;
  function find(word0: number, word1: number, word2: number, word3: number): number {
    const bits = hash(word0, word1, word2, word3);
    const tag = bits & TAG_MASK;
    for (let at = bits >>> indexShift; ; at = (at + 1) & mask) {
      const entry = index[at];
      if (entry === 0) return NO_HOST;
      if (entry >>> SLOT_BITS !== tag) continue;
      const slot = (entry & ENTRY_SLOT) - 1;
      const row = (slot & SLOT_MASK) * ROW_WORDS;
      if (
        words[row + 3] === (word3 | 0) &&
        words[row + 2] === (word2 | 0) &&
        words[row + 1] === (word1 | 0) &&
        words[row] === (word0 | 0)
      )
        return slot;
    }
  }

  return find;
}
