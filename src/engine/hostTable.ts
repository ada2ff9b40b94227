/*
 * The table of tracked hosts: from an address to a row of counters, for the hot path.
 *
 * Rows are in slabs of 8,192, so memory grows with the hosts and a row never moves. A row is 576 bytes with two views
 * of one buffer, so that finding a host and counting its flow touch neighbouring memory:
 *
 *   words   0-3  address              values   4     sampling rate of the latest flow
 *           4    last bucket written           5     packets that were reported late, in the buckets
 *           5    group and flags               6     the same, times milliseconds of delay
 *           6    place among the               7-19  bucket 0, in the order of METRICS: packets, bytes, records,
 *                candidates, plus one         20-32  bucket 1   packets and bytes of each kind
 *           7    row in the table of             …
 *                hosts with lasting flows,    59-71  bucket 4
 *                plus one
 *
 * The index uses open addressing with linear probing. It is at most half full and is allocated once, because growing it
 * would stop the receiving thread for a full rehash. An entry holds ten bits of the hash beside the row's slot, so that
 * a probe of another host's entry does not read its row. With 8 to 16 bytes of index, a host takes less than 600 bytes.
 */
import { type FlowBatch, NO_HOST } from '../flowBatch.ts';
import { type Address, IPV4_MAPPED_WORD } from '../net/address.ts';
import { METRIC_COUNT } from '../trafficMetrics.ts';

export const ROWS_PER_SLAB = 8192;
export const SLAB_SHIFT = 13;
export const SLAB_MASK = ROWS_PER_SLAB - 1;

export const BUCKETS = 5;

/** Size of a row, in values and in words. */
export const ROW_VALUES = 7 + BUCKETS * METRIC_COUNT;
export const ROW_WORDS = 2 * ROW_VALUES;

/** Offsets within a row, of values and of words. */
export const SAMPLING_RATE = 4;
export const LATE_PACKETS = 5;
export const LATE_DELAYS = 6;
export const FIRST_BUCKET = 7;
export const LAST_BUCKET = 4;
export const GROUP_AND_FLAGS = 5;
export const CANDIDATE_PLACE = 6;
export const LASTING_ROW = 7;
/** In a row that holds no host. */
const NEXT_FREE = 0;

/** Parts of GROUP_AND_FLAGS. */
export const GROUP_MASK = 0xffff;
export const WATCHED = 1 << 16;

/** GROUP_AND_FLAGS of a row that holds no host. */
export const FREE_ROW = -1;

/** An index entry is slot + 1 with the low bits of the hash above it; 0 is an empty entry. */
const SLOT_BITS = 22;
const ENTRY_SLOT = 2 ** SLOT_BITS - 1;
const TAG_MASK = 0x3ff;

/** Hosts a table can hold at most. */
const MAX_HOST_LIMIT = 2 ** (SLOT_BITS - 1);

/** `values` and `words` are views of the same bytes. */
export interface Slab {
  readonly values: Float64Array;
  readonly words: Int32Array;
}

export class HostTable {
  readonly limit: number;
  /** A slot's slab is `slabs[slot >> SLAB_SHIFT]`, its row in it `slot & SLAB_MASK`. */
  readonly slabs: Slab[] = [];
  /** Hosts in the table. */
  count = 0;
  /** Slots below this have been used at least once. */
  usedSlots = 0;
  /** Has no meaning. It is kept so that the reads that went into it are not optimised away. */
  touched = 0;

  readonly #index: Int32Array;
  readonly #indexMask: number;
  readonly #indexShift: number;
  /** Secrets of the hash: where it begins, and the odd factors it multiplies by. */
  readonly #hashStart: number;
  readonly #factor1: number;
  readonly #factor2: number;
  /** The hash of the words that all IPv4-mapped addresses begin with. */
  readonly #hashOfMapped: number;
  /** Head of the list of freed rows, chained through NEXT_FREE; NO_HOST = none. */
  #firstFree = NO_HOST;

  /** `limit`: 1 to MAX_HOST_LIMIT. */
  constructor(limit: number, seed: number) {
    if (!(limit >= 1 && limit <= MAX_HOST_LIMIT)) throw new Error(`host limit ${limit} is not in 1-${MAX_HOST_LIMIT}`);
    this.limit = limit;
    const indexBits = Math.max(4, Math.ceil(Math.log2(2 * limit)));
    this.#index = new Int32Array(2 ** indexBits);
    this.#indexMask = 2 ** indexBits - 1;
    this.#indexShift = 32 - indexBits;
    this.#hashStart = mixed(seed, MIX_FACTOR_1, MIX_FACTOR_2);
    this.#factor1 = mixed(seed + 1, MIX_FACTOR_1, MIX_FACTOR_2) | 1;
    this.#factor2 = mixed(seed + 2, MIX_FACTOR_1, MIX_FACTOR_2) | 1;
    this.#hashOfMapped = this.#chained(0, 0, IPV4_MAPPED_WORD);
  }

  /** Bytes that the rows and the index occupy. */
  get bytes(): number {
    return this.#index.byteLength + this.slabs.length * ROWS_PER_SLAB * ROW_VALUES * 8;
  }

  /** The slot of an address, or `NO_HOST`. */
  findAddress({ word0, word1, word2, word3 }: Address): number {
    return this.find(word0, word1, word2, word3);
  }

  /** The slot of a host, or NO_HOST. The words may be signed or unsigned. */
  find(word0: number, word1: number, word2: number, word3: number): number {
    const hash = this.hash(word0, word1, word2, word3);
    const index = this.#index;
    const mask = this.#indexMask;
    const tag = hash & TAG_MASK;
    for (let at = hash >>> this.#indexShift; ; at = (at + 1) & mask) {
      const entry = index[at];
      if (entry === 0) return NO_HOST;
      if (entry >>> SLOT_BITS !== tag) continue;
      const slot = (entry & ENTRY_SLOT) - 1;
      if (this.holds(slot, word0 | 0, word1 | 0, word2 | 0, word3 | 0)) return slot;
    }
  }

  /**
   * For the destinations of a datagram's flows, writes the most probable slot of each, or NO_HOST, to `batch.hostSlot`.
   * `holds` says whether it is right; where it is not, use `find`. `position` is that of the bucket that will be
   * written.
   *
   * With a million hosts, counting mostly waits for memory. So this takes two passes over the flows, each with so
   * little work that the processor has the reads of many flows in progress at once: the first reads their index
   * entries, the second reads the rows that these name. Then the code that counts finds them in the cache.
   */
  guessDestinations(batch: FlowBatch, position: number): void {
    this.#probe(batch);
    this.#touchRows(batch, position);
  }

  /** Whether the slot is that of the host with this address; the words are signed. */
  holds(slot: number, word0: number, word1: number, word2: number, word3: number): boolean {
    const words = this.slabs[slot >> SLAB_SHIFT].words;
    const row = (slot & SLAB_MASK) * ROW_WORDS;
    return words[row + 3] === word3 && words[row + 2] === word2 && words[row + 1] === word1 && words[row] === word0;
  }

  /**
   * Writes for each flow the first index entry of its probe, which is mostly the right one, XOR the expected tag. The
   * result is slot + 1, or a larger number where the entry is another host's. No branch depends on what is read.
   */
  #probe(batch: FlowBatch): void {
    const { dst0, dst1, dst2, dst3, hostSlot, start, end } = batch;
    const index = this.#index;
    const shift = this.#indexShift;
    for (let i = start; i < end; i++) {
      const hash = this.hash(dst0[i] | 0, dst1[i] | 0, dst2[i] | 0, dst3[i] | 0);
      hostSlot[i] = index[hash >>> shift] ^ (hash << SLOT_BITS);
    }
  }

  /** Turns the results of `#probe` into slots, and brings the address and the bucket of each row into the cache. */
  #touchRows(batch: FlowBatch, position: number): void {
    const { hostSlot, start, end } = batch;
    const slabs = this.slabs;
    const bucket = 2 * (FIRST_BUCKET + position * METRIC_COUNT);
    let sum = 0;
    for (let i = start; i < end; i++) {
      const slot = hostSlot[i] - 1;
      if (slot >>> 0 >= ENTRY_SLOT) {
        hostSlot[i] = NO_HOST;
        continue;
      }
      hostSlot[i] = slot;
      const words = slabs[slot >> SLAB_SHIFT].words;
      const row = (slot & SLAB_MASK) * ROW_WORDS;
      sum = (sum + words[row + 3] + words[row + bucket] + words[row + bucket + METRIC_COUNT]) | 0;
    }
    this.touched = sum;
  }

  /**
   * Adds a host that is not in the table, with an empty window, and returns its slot; NO_HOST where the table is full.
   */
  add(word0: number, word1: number, word2: number, word3: number, group: number): number {
    if (this.count >= this.limit) return NO_HOST;
    const slot = this.#takeRow();
    const { values, words } = this.slabs[slot >> SLAB_SHIFT];
    const row = (slot & SLAB_MASK) * ROW_WORDS;
    values[(slot & SLAB_MASK) * ROW_VALUES + SAMPLING_RATE] = 1;
    words[row] = word0;
    words[row + 1] = word1;
    words[row + 2] = word2;
    words[row + 3] = word3;
    words[row + LAST_BUCKET] = -BUCKETS;
    words[row + GROUP_AND_FLAGS] = group;
    words[row + CANDIDATE_PLACE] = 0;
    words[row + LASTING_ROW] = 0;
    const hash = this.hash(word0, word1, word2, word3);
    let at = hash >>> this.#indexShift;
    while (this.#index[at] !== 0) at = (at + 1) & this.#indexMask;
    this.#index[at] = ((hash & TAG_MASK) << SLOT_BITS) | (slot + 1);
    this.count++;
    return slot;
  }

  /** Frees the row of a host; its slot may be given to another one. */
  remove(slot: number): void {
    let at = this.#homeOf(slot);
    while ((this.#index[at] & ENTRY_SLOT) !== slot + 1) at = (at + 1) & this.#indexMask;
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
    return this.slabs[slot >> SLAB_SHIFT].words[(slot & SLAB_MASK) * ROW_WORDS + offset];
  }

  setWord(slot: number, offset: number, value: number): void {
    this.slabs[slot >> SLAB_SHIFT].words[(slot & SLAB_MASK) * ROW_WORDS + offset] = value;
  }

  /**
   * A signed number of 32 bits: the upper bits select the index entry, the lower ones are the tag. Each word is mixed
   * completely before the next one is added. So an attacker who chooses addresses inside a protected IPv6 prefix cannot
   * make the differences of two words cancel each other without knowing the factors.
   */
  hash(word0: number, word1: number, word2: number, word3: number): number {
    const mapped = (word0 | word1) === 0 && word2 === IPV4_MAPPED_WORD;
    const before = mapped ? this.#hashOfMapped : this.#chained(word0, word1, word2);
    return mixed(before ^ word3, this.#factor1, this.#factor2);
  }

  #takeRow(): number {
    const freed = this.#firstFree;
    if (freed !== NO_HOST) {
      this.#firstFree = this.word(freed, NEXT_FREE);
      return freed;
    }
    const slot = this.usedSlots++;
    if (slot >> SLAB_SHIFT === this.slabs.length) {
      const values = new Float64Array(ROWS_PER_SLAB * ROW_VALUES);
      this.slabs.push({ values, words: new Int32Array(values.buffer) });
    }
    return slot;
  }

  /** Empties an index entry and moves the later ones that a probe would no longer reach (Knuth 6.4, algorithm R). */
  #closeGap(emptied: number): void {
    const index = this.#index;
    const mask = this.#indexMask;
    let gap = emptied;
    for (let at = (gap + 1) & mask; index[at] !== 0; at = (at + 1) & mask) {
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
    const { words } = this.slabs[slot >> SLAB_SHIFT];
    const row = (slot & SLAB_MASK) * ROW_WORDS;
    return this.hash(words[row], words[row + 1], words[row + 2], words[row + 3]) >>> this.#indexShift;
  }

  #chained(word0: number, word1: number, word2: number): number {
    const after0 = mixed(this.#hashStart ^ word0, this.#factor1, this.#factor2);
    const after1 = mixed(after0 ^ word1, this.#factor1, this.#factor2);
    return mixed(after1 ^ word2, this.#factor1, this.#factor2);
  }
}

const MIX_FACTOR_1 = 0x7feb352d;
const MIX_FACTOR_2 = 0x846ca68b;

/** 32 bits, each of which depends on all of the given ones; a bijection where the factors are odd. */
function mixed(given: number, factor1: number, factor2: number): number {
  let bits = Math.imul(given ^ (given >>> 16), factor1);
  bits = Math.imul(bits ^ (bits >>> 15), factor2);
  return bits ^ (bits >>> 16);
}
