/*
 * Keeps a storm from people: the first few notifications pass one by one, at once; what comes thick after them is gathered
 * and passes as one. The longer it goes on, the longer is gathered, so a night of attacks on a thousand hosts is a few
 * dozen messages and not a thousand.
 */
import type { Notification } from './notification.ts';
import type { Scheduler } from './scheduler.ts';

/** So many pass by themselves within the window. */
export const SINGLE_MESSAGES = 5;
export const SINGLE_WINDOW_MS = 60_000;
export const FIRST_GATHERING_MS = 10_000;
export const LONGEST_GATHERING_MS = 300_000;

/** Gathered at once; the engine follows ten thousand attacks, and each may be told of twice. */
const MAX_GATHERED = 20_000;

export interface StormGateOptions {
  readonly scheduler: Scheduler;
  readonly pass: (notifications: readonly [Notification, ...Notification[]]) => void;
  readonly drop: (notification: Notification) => void;
}

export class StormGate {
  readonly #options: StormGateOptions;
  /** When the last single ones passed, oldest first. */
  #passedAt: number[] = [];
  #gathered: Notification[] = [];
  #callOff: () => void = () => undefined;
  #gatheringMs = FIRST_GATHERING_MS;
  #flushedAt = Number.NEGATIVE_INFINITY;

  constructor(options: StormGateOptions) {
    this.#options = options;
  }

  take(notification: Notification): void {
    const { scheduler, pass, drop } = this.#options;
    const now = scheduler.now();
    if (this.#gathered.length >= MAX_GATHERED) {
      drop(notification);
      return;
    }
    if (this.#gathered.length > 0) {
      this.#gathered.push(notification);
      return;
    }
    const goesOn = now - this.#flushedAt < SINGLE_WINDOW_MS;
    this.#passedAt = this.#passedAt.filter((at) => now - at < SINGLE_WINDOW_MS);
    if (!goesOn && this.#passedAt.length < SINGLE_MESSAGES) {
      this.#passedAt.push(now);
      pass([notification]);
      return;
    }
    this.#gatheringMs = goesOn ? Math.min(this.#gatheringMs * 2, LONGEST_GATHERING_MS) : FIRST_GATHERING_MS;
    this.#gathered.push(notification);
    this.#callOff = scheduler.after(this.#gatheringMs, () => this.flush());
  }

  /** Passes what was gathered so far. */
  flush(): void {
    this.#callOff();
    const [first, ...rest] = this.#gathered;
    if (first === undefined) return;
    this.#gathered = [];
    this.#flushedAt = this.#options.scheduler.now();
    this.#options.pass([first, ...rest]);
  }
}
