/*
 * The one source of time. Pure rooms are handed numbers; only the edges hold a Clock.
 */

/** Milliseconds since the epoch that never jump: the wall clock when it was made plus monotonic time since. */
export interface Clock {
  now(): number;
}

export class SystemClock implements Clock {
  #wallAtZero = Date.now() - performance.now();

  now(): number {
    return this.#wallAtZero + performance.now();
  }

  /**
   * How far the wall clock has moved away from this one, in milliseconds; a step by NTP or by hand, or a suspended
   * machine. The caller shifts the times it holds by this much and calls `followWallClock`.
   */
  wallClockStepMs(): number {
    return Date.now() - this.now();
  }

  followWallClock(): void {
    this.#wallAtZero = Date.now() - performance.now();
  }
}

/** A time of `Clock` as the contract writes it: RFC 3339, UTC, milliseconds. */
export function toRfc3339(ms: number): string {
  return new Date(ms).toISOString();
}
