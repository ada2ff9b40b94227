/*
 * How long a message was held between its export and its receipt: some exporters and relays collect messages for many
 * seconds and send them at once. What they report passed that much earlier.
 *
 * An exporter's clock is never believed, only how its difference from the time of receipt changes. The smallest
 * difference is that of messages which were not held. It is learned from two successive periods; where they do not agree,
 * the clock was set, stands still or runs at another speed, and nothing is known.
 */

/** Longer than messages are held. */
const PERIOD_MS = 30_000;

/** Two periods agree up to this: the time in a header may be in whole seconds. */
const AGREEMENT_MS = 2000;

/** Less is nothing: a header's whole seconds, and the ways of the network. */
const LEAST_MS = 1500;

/** More is a clock that was set. */
const MOST_MS = 60_000;

export class ReceiptClock {
  #beganAt = Number.NEGATIVE_INFINITY;
  #smallest = Number.POSITIVE_INFINITY;
  #smallestBefore = Number.POSITIVE_INFINITY;

  /** Milliseconds for which the message was held; `exportMs` is by any clock of the exporter, `now` the time of receipt. */
  heldMs(now: number, exportMs: number): number {
    const difference = now - exportMs;
    if (now - this.#beganAt >= PERIOD_MS) {
      this.#smallestBefore = now - this.#beganAt < 2 * PERIOD_MS ? this.#smallest : Number.POSITIVE_INFINITY;
      this.#smallest = difference;
      this.#beganAt = now;
    }
    this.#smallest = Math.min(this.#smallest, difference);
    const held = difference - this.#smallestBefore;
    if (held < LEAST_MS || held > MOST_MS) return 0;
    // The message that begins a period may be the only one of it so far.
    const agrees = Math.abs(this.#smallest - this.#smallestBefore) <= AGREEMENT_MS;
    return agrees || this.#smallest === difference ? held : 0;
  }
}
