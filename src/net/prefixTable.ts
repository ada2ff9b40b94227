/*
 * Longest-prefix match from an address to a small integer, for the hot path and for everyone else.
 *
 * A multibit trie, sixteen bits at the root and eight a level below, one root for each family, with every prefix
 * expanded into the entries it covers. So one read is enough for most addresses that match nothing. Zero is the entry
 * without a match, so the parts of a table that no prefix touches take no memory.
 */
import { type Address, IPV4_MAPPED_WORD } from './address.ts';
import { addressBits, type Prefix } from './prefix.ts';

/** What `lookup` returns where no prefix holds the address. */
export const NO_MATCH = -1;

const ROOT_BITS = 16;
const STRIDE_BITS = 8;
const STRIDE = 1 << STRIDE_BITS;

/** Entries of a new table: the two roots, and as much for the nodes below. */
const FIRST_CAPACITY = 4 << ROOT_BITS;

/** Immutable once built. Values are integers from 0 up. */
export class PrefixTable {
  /** Entry > 0: value + 1; 0: nothing; below: -entry is the index of the child node's first entry. */
  #entries = new Int32Array(FIRST_CAPACITY);
  #used = 2 << ROOT_BITS;

  /** Later entries win over earlier ones of the same prefix. */
  constructor(prefixes: Iterable<readonly [Prefix, number]> = []) {
    // Shorter prefixes first: a more specific prefix then overwrites part of a shorter one.
    const sorted = [...prefixes].sort(([a], [b]) => a.length - b.length);
    for (const [prefix, value] of sorted) this.#insert(prefix, value);
  }

  lookupAddress(address: Address): number {
    return this.lookup(address.word0, address.word1, address.word2, address.word3);
  }

  /** The value of the longest prefix that holds the address (four words, IPv4-mapped for IPv4), or `NO_MATCH`. */
  lookup(word0: number, word1: number, word2: number, word3: number): number {
    const entries = this.#entries;
    if (word0 === 0 && word1 === 0 && word2 === IPV4_MAPPED_WORD) {
      let entry = entries[word3 >>> 16];
      if (entry >= 0) return entry - 1;
      entry = entries[((word3 >>> 8) & 255) - entry];
      if (entry >= 0) return entry - 1;
      return entries[(word3 & 255) - entry] - 1;
    }
    let entry = entries[(1 << ROOT_BITS) + (word0 >>> 16)];
    for (let bit = ROOT_BITS; entry < 0; bit += STRIDE_BITS) {
      const word = bit < 32 ? word0 : bit < 64 ? word1 : bit < 96 ? word2 : word3;
      entry = entries[((word >>> (24 - (bit & 31))) & 255) - entry];
    }
    return entry - 1;
  }

  #insert(prefix: Prefix, value: number): void {
    const { version, word0, word3 } = prefix.address;
    const rootIndex = version === 4 ? word3 >>> 16 : (1 << ROOT_BITS) + (word0 >>> 16);
    if (prefix.length <= ROOT_BITS) {
      this.#cover(rootIndex, 1 << (ROOT_BITS - prefix.length), value);
      return;
    }
    let node = this.#child(rootIndex);
    let bit = ROOT_BITS;
    while (prefix.length > bit + STRIDE_BITS) {
      node = this.#child(node + octetAt(prefix, bit));
      bit += STRIDE_BITS;
    }
    this.#cover(node + octetAt(prefix, bit), 1 << (bit + STRIDE_BITS - prefix.length), value);
  }

  /** Sets a run of entries. Inserting shortest first, none of them can be a child yet. */
  #cover(from: number, count: number, value: number): void {
    this.#entries.fill(value + 1, from, from + count);
  }

  /** The node below an entry, made where there is none, filled with what the entry said. */
  #child(index: number): number {
    const entry = this.#entries[index];
    if (entry < 0) return -entry;
    const node = this.#used;
    if (node + STRIDE > this.#entries.length) {
      const grown = new Int32Array(this.#entries.length * 2);
      grown.set(this.#entries);
      this.#entries = grown;
    }
    this.#entries.fill(entry, node, node + STRIDE);
    this.#used = node + STRIDE;
    this.#entries[index] = -node;
    return node;
  }
}

/** Eight bits of a prefix's address from `bit` on, counted in the address's own family. */
function octetAt(prefix: Prefix, bit: number): number {
  const { version, word0, word1, word2, word3 } = prefix.address;
  const wide = version === 4 ? bit + 128 - addressBits(4) : bit;
  const word = wide < 32 ? word0 : wide < 64 ? word1 : wide < 96 ? word2 : word3;
  return (word >>> (24 - (wide & 31))) & 255;
}
