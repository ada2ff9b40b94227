/*
 * Groups alerts for people, so that a storm of attacks is a few messages. The first notifications are sent one by one,
 * at once. When more follow within a minute, they are collected and sent as one message. While the storm lasts, the
 * wait gets longer: a night of attacks on a thousand hosts is a few dozen messages. Critical notifications are counted
 * apart, so that an important one does not wait behind many unimportant ones.
 */
import { type Notification, severityOf } from './notification.ts';
import type { Scheduler } from './scheduler.ts';

/** This many notifications, and so many more critical ones, are sent one by one within the window. */
export const SINGLE_MESSAGES = 10;
export const SINGLE_CRITICAL_MESSAGES = 5;
const SINGLE_WINDOW_MS = 60_000;

/** How long a group is collected: at first, and at most. */
export const FIRST_GROUP_WAIT_MS = 10_000;
const LONGEST_GROUP_WAIT_MS = 300_000;

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
  readonly #sentAt = { critical: [] as number[], other: [] as number[] };
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
    const isSameStorm = this.#group.length > 0 || now - this.#flushedAt < SINGLE_WINDOW_MS;
    const isCritical = severityOf(notification) === 'critical';
    if ((isCritical || !isSameStorm) && this.#takeSingle(isCritical, now)) {
      send([notification]);
      return;
    }
    if (this.#group.length >= MAX_GROUP) {
      drop(notification);
      return;
    }
    this.#group.push(notification);
    if (this.#group.length > 1) return;
    this.#groupWaitMs = isSameStorm ? Math.min(this.#groupWaitMs * 2, LONGEST_GROUP_WAIT_MS) : FIRST_GROUP_WAIT_MS;
    this.#cancelTimer = scheduler.after(this.#groupWaitMs, () => this.flush());
  }

  /** Whether another notification may be sent by itself now. */
  #takeSingle(isCritical: boolean, now: number): boolean {
    const kind = isCritical ? 'critical' : 'other';
    const recent = this.#sentAt[kind].filter((at) => now - at < SINGLE_WINDOW_MS);
    const isAllowed = recent.length < (isCritical ? SINGLE_CRITICAL_MESSAGES : SINGLE_MESSAGES);
    this.#sentAt[kind] = isAllowed ? [...recent, now] : recent;
    return isAllowed;
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
