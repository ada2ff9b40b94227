/*
 * The source of time. Pure rooms get the time as a number; only the other rooms hold a Clock.
 */

/** Epoch milliseconds that never jump: the wall clock at construction plus monotonic time since then. */
export interface Clock {
  now(): number;
}

export class SystemClock implements Clock {
  #wallAtZero = Date.now() - performance.now();

  now(): number {
    return this.#wallAtZero + performance.now();
  }

  /**
   * How far the wall clock differs from this clock, in milliseconds, after a step by NTP or by hand or after a suspend.
   * The caller shifts the times it holds by this much and calls `followWallClock`.
   */
  wallClockStepMs(): number {
    return Date.now() - this.now();
  }

  followWallClock(): void {
    this.#wallAtZero = Date.now() - performance.now();
  }
}

/** Formats a time of `Clock` as RFC 3339 in UTC with milliseconds. */
export function toRfc3339(ms: number): string {
  return new Date(ms).toISOString();
}
