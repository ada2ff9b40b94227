/*
 * From the key of a flow to its number in a table: exporter, addresses, ports, IP protocol, input interface and direction. Only a
 * hash of 64 bits is kept of a key; two of a million flows are taken for one once in 30 million runs.
 *
 * Open addressing with linear probing, at most half full. The hash is seeded, so nobody can make keys collide.
 */
import type { FlowBatch } from '../flowBatch.ts';

const NONE = -1;
const FIRST_CAPACITY = 1024;

/** A key as it was looked up. There is one object for each index; it is valid until the next `keyOf`. */
export interface FlowKey {
  readonly low: number;
  readonly high: number;
}

export class FlowIndex {
  readonly #seed: number;
  readonly #key = { low: 0, high: 0 };
  /** Flow number + 1; 0 is an empty entry. */
  #entries = new Int32Array(2 * FIRST_CAPACITY);
  #mask = 2 * FIRST_CAPACITY - 1;
  #low = new Int32Array(FIRST_CAPACITY);
  #high = new Int32Array(FIRST_CAPACITY);
  #count = 0;

  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  /** The key of the flow in a row of the batch. */
  keyOf(batch: FlowBatch, row: number): FlowKey {
    const { address } = batch.exporter[row];
    const ports = (batch.srcPort[row] << 16) | batch.dstPort[row];
    const others =
      Math.imul(batch.inInterface[row], 0x9e3779b1) ^ (batch.ipProtocol[row] << 24) ^ (batch.direction[row] << 16);
    let low = this.#seed;
    let high = this.#seed ^ 0x5bd1e995;
    low = mixed(low, batch.src0[row] ^ address.word3);
    high = mixed(high, batch.src1[row] ^ address.word1);
    low = mixed(low ^ high, batch.src2[row] ^ address.word0);
    high = mixed(high ^ low, batch.src3[row] ^ address.word2);
    low = mixed(low ^ high, batch.dst0[row]);
    high = mixed(high ^ low, batch.dst1[row]);
    low = mixed(low ^ high, batch.dst2[row]);
    high = mixed(high ^ low, batch.dst3[row]);
    low = mixed(low ^ high, ports);
    high = mixed(high ^ low, others);
    this.#key.low = mixed(low ^ high, ports);
    this.#key.high = high;
    return this.#key;
  }

  /** The number of the flow with this key, or -1. */
  find({ low, high }: FlowKey): number {
    for (let at = low & this.#mask; this.#entries[at] !== 0; at = (at + 1) & this.#mask) {
      const flow = this.#entries[at] - 1;
      if (this.#low[flow] === low && this.#high[flow] === high) return flow;
    }
    return NONE;
  }

  /** Adds the flow with the key that `keyOf` returned last; it must not be there. `flow` is the next free number. */
  add(flow: number): void {
    if (flow >= this.#low.length) this.#grow();
    this.#low[flow] = this.#key.low;
    this.#high[flow] = this.#key.high;
    this.#enter(flow);
    this.#count++;
  }

  remove(flow: number): void {
    this.#closeGap(this.#entryOf(flow));
    this.#count--;
  }

  /** The flow gets another number, whose flow was removed. */
  move(from: number, to: number): void {
    this.#entries[this.#entryOf(from)] = to + 1;
    this.#low[to] = this.#low[from];
    this.#high[to] = this.#high[from];
  }

  #enter(flow: number): void {
    let at = this.#low[flow] & this.#mask;
    while (this.#entries[at] !== 0) at = (at + 1) & this.#mask;
    this.#entries[at] = flow + 1;
  }

  #entryOf(flow: number): number {
    let at = this.#low[flow] & this.#mask;
    while (this.#entries[at] !== flow + 1) at = (at + 1) & this.#mask;
    return at;
  }

  /** Empties an entry and moves the later ones that a probe would no longer reach (Knuth 6.4, algorithm R). */
  #closeGap(emptied: number): void {
    const entries = this.#entries;
    let gap = emptied;
    for (let at = (gap + 1) & this.#mask; entries[at] !== 0; at = (at + 1) & this.#mask) {
      const home = this.#low[entries[at] - 1] & this.#mask;
      if (((at - home) & this.#mask) >= ((at - gap) & this.#mask)) {
        entries[gap] = entries[at];
        gap = at;
      }
    }
    entries[gap] = 0;
  }

  /** Doubles the tables. A quarter of a million flows take a few milliseconds, once. */
  #grow(): void {
    const flows = this.#low.length;
    const low = new Int32Array(2 * flows);
    low.set(this.#low);
    this.#low = low;
    const high = new Int32Array(2 * flows);
    high.set(this.#high);
    this.#high = high;
    this.#entries = new Int32Array(4 * flows);
    this.#mask = 4 * flows - 1;
    for (let flow = 0; flow < this.#count; flow++) this.#enter(flow);
  }
}

function mixed(state: number, word: number): number {
  let bits = Math.imul(state ^ word, 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return bits ^ (bits >>> 16);
}
