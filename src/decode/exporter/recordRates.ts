/*
 * The sampling rates that stand beside the traffic itself: in a flow record, a NetFlow v5 header, an sFlow sample. One
 * forged datagram is enough to state any of them, so a rate far from all that the exporter has used before is believed
 * when another datagram states it too.
 */
import type { DoubtReason } from './doubts.ts';
import { areBytesSwapped, isFar, MOST_AT_FIRST } from './rateBelief.ts';

/** Rates that are remembered. Interfaces of one device are sampled at a few different ones. */
const MOST_RATES = 16;

export class RecordRates {
  /** Why the rate was not believed that was judged last. */
  refusal: DoubtReason = 'sampling_rate';

  /** Whether that was because it is far from those before. Then what stands beside it is not believed either. */
  get isJump(): boolean {
    return this.refusal === 'sampling_rate_jump';
  }

  readonly #used: number[] = [];
  /** The rate that was judged last, most often that of the record before, and whether it is believed. */
  #rate = 0;
  #fieldBytes = 0;
  #isBelieved = true;
  /** The rate that must be stated again, and the datagram that stated it first. */
  #pending = 0;
  #pendingSince = 0;

  /**
   * Whether the rate is believed, 1 for "not stated". `fieldBytes` is the size of its field, 0 where it was computed;
   * `datagram` tells datagrams apart. Of a new exporter nothing is known, so its rates are believed.
   */
  believes(rate: number, fieldBytes: number, datagram: number, isNewExporter: boolean): boolean {
    if (rate === this.#rate && fieldBytes === this.#fieldBytes && (this.#isBelieved || this.#pendingSince === datagram))
      return this.#isBelieved;
    this.#rate = rate;
    this.#fieldBytes = fieldBytes;
    this.#isBelieved = this.#judge(rate, fieldBytes, datagram, isNewExporter);
    return this.#isBelieved;
  }

  #judge(rate: number, fieldBytes: number, datagram: number, isNewExporter: boolean): boolean {
    this.refusal = 'sampling_rate';
    if (areBytesSwapped(rate, fieldBytes)) return false;
    const isFirst = isNewExporter && rate <= MOST_AT_FIRST;
    const isNear = this.#used.some((used) => !isFar(rate, used));
    const isRepeated = this.#pending === rate && this.#pendingSince !== datagram;
    if (isFirst || isNear || isRepeated) {
      if (!this.#used.includes(rate) && this.#used.length < MOST_RATES) this.#used.push(rate);
      return true;
    }
    this.refusal = 'sampling_rate_jump';
    this.#pending = rate;
    this.#pendingSince = datagram;
    return false;
  }
}
