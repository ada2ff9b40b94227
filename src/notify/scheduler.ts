/*
 * Time and chance, as the queues need them: handed in, so that an hour of retries takes a test no time.
 */

export interface Scheduler {
  /** Milliseconds that never jump; of any origin. */
  now(): number;
  /** Calls back once; the returned function calls it off. */
  after(delayMs: number, work: () => void): () => void;
  /** From 0 up to 1. */
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
