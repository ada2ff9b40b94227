/*
 * Groups alerts for people, so that a storm of attacks is a few messages. The first notifications are sent one by one,
 * at once. When more follow within a minute, they are collected and sent as one message. While the storm lasts, the wait
 * gets longer: a night of attacks on a thousand hosts is a few dozen messages.
 */
import type { Notification } from './notification.ts';
import type { Scheduler } from './scheduler.ts';

/** This many notifications are sent one by one within the window. */
export const SINGLE_MESSAGES = 5;
export const SINGLE_WINDOW_MS = 60_000;

/** How long a group is collected: at first, and at most. */
export const FIRST_GROUP_WAIT_MS = 10_000;
export const LONGEST_GROUP_WAIT_MS = 300_000;

/** Notifications in one group. The engine follows ten thousand attacks, and each has a start and an end. */
const MAX_GROUP = 20_000;

export interface AlertGroupingOptions {
  readonly scheduler: Scheduler;
  /** Takes one notification, or a group. */
  readonly send: (notifications: readonly [Notification, ...Notification[]]) => void;
  /** Takes a notification for which the group has no room. */
  readonly drop: (notification: Notification) => void;
}

export class AlertGrouping {
  readonly #options: AlertGroupingOptions;
  /** When the last single notifications were sent, oldest first. */
  #sentAt: number[] = [];
  #group: Notification[] = [];
  #cancelTimer: () => void = () => undefined;
  #groupWaitMs = FIRST_GROUP_WAIT_MS;
  #flushedAt = Number.NEGATIVE_INFINITY;

  constructor(options: AlertGroupingOptions) {
    this.#options = options;
  }

  add(notification: Notification): void {
    const { scheduler, send, drop } = this.#options;
    const now = scheduler.now();
    if (this.#group.length >= MAX_GROUP) {
      drop(notification);
      return;
    }
    if (this.#group.length > 0) {
      this.#group.push(notification);
      return;
    }
    const isSameStorm = now - this.#flushedAt < SINGLE_WINDOW_MS;
    this.#sentAt = this.#sentAt.filter((at) => now - at < SINGLE_WINDOW_MS);
    if (!isSameStorm && this.#sentAt.length < SINGLE_MESSAGES) {
      this.#sentAt.push(now);
      send([notification]);
      return;
    }
    this.#groupWaitMs = isSameStorm ? Math.min(this.#groupWaitMs * 2, LONGEST_GROUP_WAIT_MS) : FIRST_GROUP_WAIT_MS;
    this.#group.push(notification);
    this.#cancelTimer = scheduler.after(this.#groupWaitMs, () => this.flush());
  }

  /** Sends what was collected so far. */
  flush(): void {
    this.#cancelTimer();
    const [first, ...rest] = this.#group;
    if (first === undefined) return;
    this.#group = [];
    this.#flushedAt = this.#options.scheduler.now();
    this.#options.send([first, ...rest]);
  }
}
