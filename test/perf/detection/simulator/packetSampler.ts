/*
 * Takes one packet in N before anything is counted, as sFlow agents and sampled NetFlow do: every Nth, or each with the
 * probability 1/N (RFC 5475 §5.1, §5.2).
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';

export type SamplingMode = 'every' | 'random';

export class PacketSampler {
  readonly #oneIn: number;
  readonly #mode: SamplingMode;
  readonly #random: SeededRandom;
  /** Packets up to the next one that is taken, itself included. */
  #untilNext: number;

  constructor(oneIn: number, mode: SamplingMode, random: SeededRandom) {
    this.#oneIn = oneIn;
    this.#mode = mode;
    this.#random = random;
    this.#untilNext = mode === 'every' ? 1 + random.below(oneIn) : this.#gap();
  }

  /** How many of the next packets are taken. */
  take(packets: number): number {
    if (this.#oneIn === 1) return packets;
    let taken = 0;
    let left = packets;
    while (this.#untilNext <= left) {
      left -= this.#untilNext;
      taken++;
      this.#untilNext = this.#mode === 'every' ? this.#oneIn : this.#gap();
    }
    this.#untilNext -= left;
    return taken;
  }

  /** Geometrically distributed, at least 1. */
  #gap(): number {
    const uniform = (this.#random.below(2 ** 32) + 0.5) / 2 ** 32;
    return 1 + Math.floor(Math.log(uniform) / Math.log(1 - 1 / this.#oneIn));
  }
}
