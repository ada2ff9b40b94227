/*
 * A bound on what decoding remembers of many exporters together. Each has limits of its own, but anybody can send in the
 * names of thousands. Who came first keeps what is remembered of it; what newer ones state is refused while there is no
 * room, and counted under the reason of the table that it would be in.
 */

/** Bytes of memory of one thing that is remembered, measured on Node.js 26. */
export const TEMPLATE_BYTES = 1300;
export const TEMPLATE_FIELD_BYTES = 65;
export const SAMPLING_RATE_BYTES = 64;
export const DOMAIN_BYTES = 4500;
export const AWAITING_SET_BYTES = 450;

/** From this part on, what is remembered of exporters that fell silent has to go. */
const SCARCE_SHARE = 0.75;

export class MemoryBudget {
  readonly limitBytes: number;
  usedBytes = 0;

  /** Without a limit the exporters have only their own. */
  constructor(limitBytes = Number.POSITIVE_INFINITY) {
    this.limitBytes = limitBytes;
  }

  get isScarce(): boolean {
    return this.usedBytes > SCARCE_SHARE * this.limitBytes;
  }

  hasRoom(bytes: number): boolean {
    return this.usedBytes + bytes <= this.limitBytes;
  }
}
