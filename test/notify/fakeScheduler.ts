/*
 * Time by hand: nothing happens until a test lets it pass, and then all that was due happens in its order.
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
  /** What chance says next. */
  chance = 0.5;

  now(): number {
    return this.#now;
  }

  random(): number {
    return this.chance;
  }

  after(delayMs: number, work: () => void): () => void {
    const timer = { at: this.#now + delayMs, work };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Timers that wait. */
  get waiting(): number {
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

/** Until every promise that can go on has gone on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await setImmediate();
}
