/*
 * A scheduler whose time a test moves: timers that are due run in order.
 */
import { setImmediate } from 'node:timers/promises';
import type { Scheduler } from '../../src/notify/scheduler.ts';

interface Timer {
  readonly at: number;
  readonly work: () => void;
}

export class FakeScheduler implements Scheduler {
  #now = 0;
  #timers: Timer[] = [];
  /** The next random number. */
  randomValue = 0.5;

  now(): number {
    return this.#now;
  }

  random(): number {
    return this.randomValue;
  }

  after(delayMs: number, work: () => void): () => void {
    const timer = { at: this.#now + delayMs, work };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Timers that have not run yet. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let due = this.#nextBefore(end); due !== undefined; due = this.#nextBefore(end)) {
      const timer = due;
      this.#timers = this.#timers.filter((other) => other !== timer);
      this.#now = timer.at;
      timer.work();
      await settle();
    }
    this.#now = end;
  }

  #nextBefore(end: number): Timer | undefined {
    const due = this.#timers.filter(({ at }) => at <= end);
    return due.sort((a, b) => a.at - b.at)[0];
  }
}

/** Resolves when every promise that can continue has continued. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await setImmediate();
}
