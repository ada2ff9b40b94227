/*
 * One channel as the notifier uses it. For people, alerts are grouped first; then they go into the delivery queue.
 */
import type { Logger } from '../log.ts';
import { AlertGrouping } from './alertGrouping.ts';
import type { Channel, Message } from './channel.ts';
import { type DeliveryCounts, DeliveryQueue, type QueueLimits } from './deliveryQueue.ts';
import type { Notification } from './notification.ts';
import type { Scheduler } from './scheduler.ts';

/** A person waits for the result of a test. This is shorter than the timeout of Kapkan's own client. */
const TEST_TIMEOUT_MS = 12_000;

/** One worker, so that messages for people keep their order. */
const PEOPLE_LIMITS: QueueLimits = {
  capacity: 200,
  workers: 1,
  deadlineMs: 15 * 60_000,
  firstPauseMs: 1000,
  longestPauseMs: 60_000,
};

/** There is room for a start, a refusal and an end of each of a thousand attacks. */
const PROGRAM_LIMITS: QueueLimits = {
  capacity: 4096,
  workers: 4,
  deadlineMs: 5 * 60_000,
  firstPauseMs: 500,
  longestPauseMs: 30_000,
};

export interface ChannelQueueOptions {
  readonly channel: Channel;
  readonly scheduler: Scheduler;
  readonly log: Logger;
  readonly counts: DeliveryCounts;
  readonly consoleUrl: () => string;
  /** Tests set others. */
  readonly limits?: Partial<QueueLimits>;
}

export class ChannelQueue {
  readonly channel: Channel;
  readonly #queue: DeliveryQueue;
  readonly #grouping: AlertGrouping;
  readonly #consoleUrl: () => string;

  constructor({ channel, scheduler, log, counts, consoleUrl, limits }: ChannelQueueOptions) {
    this.channel = channel;
    this.#consoleUrl = consoleUrl;
    const defaults = channel.audience === 'people' ? PEOPLE_LIMITS : PROGRAM_LIMITS;
    this.#queue = new DeliveryQueue({ channel, scheduler, log, counts, limits: { ...defaults, ...limits } });
    this.#grouping = new AlertGrouping({
      scheduler,
      send: (notifications) => this.#queue.push('', { notifications, consoleUrl: consoleUrl() }),
      drop: () => {
        counts.dropped++;
      },
    });
  }

  add(notification: Notification): void {
    if (this.channel.accepts?.(notification) === false) return;
    if (this.channel.audience === 'people') {
      if (notification.audience === 'all') this.#grouping.add(notification);
    } else this.#queue.push(notification.target, this.#messageOf(notification));
  }

  /** Makes one attempt without the queue, for an operator who waits for the result. Rejects with DeliveryError. */
  tryOnce(notification: Notification): Promise<void> {
    return this.channel.deliver(
      this.#messageOf(notification),
      AbortSignal.timeout(Math.min(this.channel.timeoutMs, TEST_TIMEOUT_MS)),
    );
  }

  #messageOf(notification: Notification): Message {
    return { notifications: [notification], consoleUrl: this.#consoleUrl() };
  }

  /** Messages waiting or being delivered. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Why the latest attempt failed; undefined where it succeeded. */
  get lastError(): string | undefined {
    return this.#queue.lastError;
  }

  /** Queues the group that is being collected. */
  flush(): void {
    this.#grouping.flush();
  }

  /** Tries what is queued once more at most, and gives up after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#grouping.flush();
    await this.#queue.stop(graceMs);
  }
}
