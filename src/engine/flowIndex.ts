/*
 * From a flow of an exporter to its number in a table.
 *
 * Open addressing with linear probing, at most half full. The hash is seeded, so nobody can make keys collide.
 */
import type { FlowBatch } from '../flowBatch.ts';
import { FlowKey, mixed } from '../flowKey.ts';

const NONE = -1;
const FIRST_CAPACITY = 1024;

export class FlowIndex {
  readonly #seed: number;
  /** Of the flow that was looked up last. */
  readonly #key = new FlowKey();
  /** Flow number + 1; 0 is an empty entry. */
  #entries = new Int32Array(2 * FIRST_CAPACITY);
  #mask = 2 * FIRST_CAPACITY - 1;
  #low = new Int32Array(FIRST_CAPACITY);
  #high = new Int32Array(FIRST_CAPACITY);
  #count = 0;

  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  /** The number of the flow in a row of the batch, or -1. */
  find(batch: FlowBatch, row: number): number {
    const { word0, word1, word2, word3 } = batch.exporter[row].address;
    this.#key.take(batch, row, mixed(mixed(this.#seed, word0 ^ word1), word2 ^ word3));
    const { low, high } = this.#key;
    for (let at = low & this.#mask; this.#entries[at] !== 0; at = (at + 1) & this.#mask) {
      const flow = this.#entries[at] - 1;
      if (this.#low[flow] === low && this.#high[flow] === high) return flow;
    }
    return NONE;
  }

  /** Adds the flow that was looked up last and not found. `flow` is the next free number. */
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
