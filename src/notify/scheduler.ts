/*
 * Time, timers and random numbers for the queues. Tests replace them, so that an hour of retries takes no time.
 */

export interface Scheduler {
  /** Monotonic milliseconds, from any origin. */
  now(): number;
  /** Calls `work` once after the delay. The returned function cancels it. */
  after(delayMs: number, work: () => void): () => void;
  /** At least 0, less than 1. */
  random(): number;
}

export class SystemScheduler implements Scheduler {
  now(): number {
    return performance.now();
  }

  after(delayMs: number, work: () => void): () => void {
    const timer = setTimeout(work, delayMs);
    return () => clearTimeout(timer);
  }

  random(): number {
    return Math.random();
  }
}
