/*
 * A bound on what decoding remembers of many exporters together. Each has limits of its own, but anybody can send in the
 * names of thousands. Who came first keeps what is remembered of it; what newer ones state is refused while there is no
 * room, and counted under the reason of the table that it would be in.
 */

/** Bytes of memory of one thing that is remembered, measured on Node.js 26. */
export const TEMPLATE_BYTES = 1500;
export const TEMPLATE_FIELD_BYTES = 100;
export const SAMPLING_RATE_BYTES = 64;
export const DOMAIN_BYTES = 4000;
export const AWAITING_SET_BYTES = 500;

export class MemoryBudget {
  readonly limitBytes: number;
  usedBytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  hasRoom(bytes: number): boolean {
    return this.usedBytes + bytes <= this.limitBytes;
  }
}

/** Of an exporter that has only its own limits. */
export const UNBOUNDED = new MemoryBudget(Number.POSITIVE_INFINITY);
