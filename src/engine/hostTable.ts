/*
 * The table of tracked hosts: from an address to a row of counters, for the hot path.
 *
 * Rows are in slabs of 8,192, so memory grows with the hosts and a row never moves. A row is 160 bytes, seen as words, as
 * floats and as doubles, so that finding a host and counting its flow touch neighbouring memory:
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
import { type FlowBatch, NO_HOST } from '../flowBatch.ts';
import { type Address, IPV4_MAPPED_WORD } from '../net/address.ts';
import { METRIC_COUNT } from '../trafficMetrics.ts';
import { BUCKET_VALUES, PACKETS } from './trafficCounters.ts';

export const ROWS_PER_SLAB = 8192;
export const SLAB_SHIFT = 13;
export const SLAB_MASK = ROWS_PER_SLAB - 1;

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
const SLOT_BITS = 22;
const ENTRY_SLOT = 2 ** SLOT_BITS - 1;
const TAG_MASK = 0x3ff;

/** Hosts a table can hold at most. */
const MAX_HOST_LIMIT = 2 ** (SLOT_BITS - 1);

/** Up to so many hosts, their rows and index entries are in the caches anyway. */
const HOSTS_IN_CACHE = 4096;

const CACHE_LINE_WORDS = 16;

/** `values`, `words` and `floats` are views of the same bytes. */
export interface Slab {
  readonly values: Float64Array;
  readonly words: Int32Array;
  readonly floats: Float32Array;
  /** Bucket number n is at (n mod CLOSED_BUCKETS) × METRIC_COUNT in a row. */
  readonly closed: Float32Array;
}

/** Where a bucket is in a row of closed buckets. */
export function closedPlace(row: number, bucket: number): number {
  return row * CLOSED_VALUES + (bucket & (CLOSED_BUCKETS - 1)) * METRIC_COUNT;
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
    return this.#index.byteLength + this.slabs.length * ROWS_PER_SLAB * (ROW_VALUES * 8 + CLOSED_VALUES * 4);
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
   * For the destinations of a datagram's flows, writes the slot of each, or NO_HOST, to `batch.hostSlot`.
   *
   * With many hosts, this mostly waits for memory. So two passes over the flows go before, each with so little work that
   * the processor has the reads of many flows in progress at once: the first reads their index entries, the second reads
   * the rows that these name. Then the rows are in the cache, for counting too.
   */
  findDestinations(batch: FlowBatch): void {
    if (this.count <= HOSTS_IN_CACHE) {
      this.#findEach(batch);
      return;
    }
    this.#probe(batch);
    this.#touchRows(batch);
    this.#findWrongGuesses(batch);
  }

  /** Whether the slot is that of the host with this address; the words are signed. */
  holds(slot: number, word0: number, word1: number, word2: number, word3: number): boolean {
    const words = this.slabs[slot >> SLAB_SHIFT].words;
    const row = (slot & SLAB_MASK) * ROW_WORDS;
    return words[row + 3] === word3 && words[row + 2] === word2 && words[row + 1] === word1 && words[row] === word0;
  }

  #findEach({ dst0, dst1, dst2, dst3, hostSlot, start, end }: FlowBatch): void {
    for (let i = start; i < end; i++) hostSlot[i] = this.find(dst0[i], dst1[i], dst2[i], dst3[i]);
  }

  #findWrongGuesses({ dst0, dst1, dst2, dst3, hostSlot, start, end }: FlowBatch): void {
    for (let i = start; i < end; i++) {
      const slot = hostSlot[i];
      if (slot !== NO_HOST && this.holds(slot, dst0[i] | 0, dst1[i] | 0, dst2[i] | 0, dst3[i] | 0)) continue;
      hostSlot[i] = this.find(dst0[i], dst1[i], dst2[i], dst3[i]);
    }
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

  /** Turns the results of `#probe` into slots, and brings the address and the counters of each row into the cache. */
  #touchRows(batch: FlowBatch): void {
    const { hostSlot, start, end } = batch;
    const slabs = this.slabs;
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
      sum = (sum + words[row] + words[row + CACHE_LINE_WORDS] + words[row + LATE_DELAYS]) | 0;
    }
    this.touched = sum;
  }

  /**
   * Adds a host that is not in the table, with an empty window, and returns its slot; NO_HOST where the table is full.
   */
  add(word0: number, word1: number, word2: number, word3: number, group: number): number {
    if (this.count >= this.limit) return NO_HOST;
    const slot = this.#takeRow();
    const { words, closed } = this.slabs[slot >> SLAB_SHIFT];
    const row = (slot & SLAB_MASK) * ROW_WORDS;
    words.fill(0, row, row + ROW_WORDS);
    closed[(slot & SLAB_MASK) * CLOSED_VALUES + MEAN_SAMPLING_RATE] = 1;
    words[row] = word0;
    words[row + 1] = word1;
    words[row + 2] = word2;
    words[row + 3] = word3;
    words[row + LAST_BUCKET] = -BUCKETS;
    words[row + GROUP_AND_FLAGS] = group;
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

  /** The packets in a slot's five buckets. */
  packetsOf(slot: number): number {
    const { values, closed } = this.slabs[slot >> SLAB_SHIFT];
    const row = slot & SLAB_MASK;
    let packets = values[row * ROW_VALUES + IN_PROGRESS + PACKETS];
    for (let bucket = 0; bucket < CLOSED_BUCKETS; bucket++) packets += closed[closedPlace(row, bucket) + PACKETS];
    return packets;
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
      this.slabs.push({
        values,
        words: new Int32Array(values.buffer),
        floats: new Float32Array(values.buffer),
        closed: new Float32Array(ROWS_PER_SLAB * CLOSED_VALUES),
      });
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
