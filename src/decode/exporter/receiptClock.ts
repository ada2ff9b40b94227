/*
 * How long a message was held between its export and its receipt: some exporters and relays collect messages for many
 * seconds and send them at once. What they report passed that much earlier.
 *
 * An exporter's clock is never believed, only how its difference from the time of receipt changes. The smallest
 * difference is that of messages which were not held. It is learned from two successive periods; where they do not agree,
 * the clock was set, stands still or runs at another speed, and nothing is known.
 */

const PERIOD_MS = 30_000;

/** Messages are held for less. A period without one that was not held this long after it began is of another clock. */
const FRESH_WITHIN_MS = 25_000;

/** Smallest differences agree up to this: the time in a header may be in whole seconds. */
const AGREEMENT_MS = 2000;

/** Less is nothing: a header's whole seconds, and the ways of the network. */
const LEAST_MS = 1500;

/** More is a clock that was set. */
const MOST_MS = 60_000;

/** When a message was exported, by its header, and received; see `MessageHeader`. */
export interface ReceiptTimes {
  readonly now: number;
  readonly uptimeMs: number;
  readonly exportTimeMs: number;
}

export class ReceiptClock {
  /** The period in progress, and the smallest differences in it and in the two before. */
  #beganAt = Number.NEGATIVE_INFINITY;
  #smallest = Number.NaN;
  #before = Number.NaN;
  #beforeThat = Number.NaN;

  /** Milliseconds for which a message was held. An uptime is finer than the export time of NetFlow v9. */
  heldMs({ now, uptimeMs, exportTimeMs }: ReceiptTimes): number {
    const difference = now - (uptimeMs > 0 ? uptimeMs : exportTimeMs);
    if (now - this.#beganAt >= PERIOD_MS) {
      this.#beforeThat = this.#before;
      this.#before = now - this.#beganAt < 2 * PERIOD_MS ? this.#smallest : Number.NaN;
      this.#smallest = difference;
      this.#beganAt = now;
    }
    this.#smallest = Math.min(this.#smallest, difference);
    const held = difference - this.#before;
    if (!(held >= LEAST_MS && held <= MOST_MS) || !agree(this.#before, this.#beforeThat)) return 0;
    return now - this.#beganAt < FRESH_WITHIN_MS || agree(this.#smallest, this.#before) ? held : 0;
  }
}

function agree(a: number, b: number): boolean {
  return Math.abs(a - b) <= AGREEMENT_MS;
}
