/*
 * One channel as the notifier uses it: for people a gate against storms, then the queue.
 */
import type { Logger } from '../log.ts';
import type { Channel, Message } from './channel.ts';
import { type DeliveryCounts, DeliveryQueue, type QueueLimits } from './deliveryQueue.ts';
import type { Notification } from './notification.ts';
import type { Scheduler } from './scheduler.ts';
import { StormGate } from './stormGate.ts';

/** Of a test, for which somebody waits; less than Kapkan's own client does. */
const TEST_TIMEOUT_MS = 12_000;

/** People's messages keep their order: one worker. */
const PEOPLE_LIMITS: QueueLimits = {
  capacity: 200,
  workers: 1,
  deadlineMs: 15 * 60_000,
  firstPauseMs: 1000,
  longestPauseMs: 60_000,
};

/** A start, a refusal and an end of each of a thousand attacks fit. */
const PROGRAM_LIMITS: QueueLimits = {
  capacity: 4096,
  workers: 4,
  deadlineMs: 5 * 60_000,
  firstPauseMs: 500,
  longestPauseMs: 30_000,
};

export interface OutletOptions {
  readonly channel: Channel;
  readonly scheduler: Scheduler;
  readonly log: Logger;
  readonly counts: DeliveryCounts;
  readonly consoleUrl: () => string;
  /** Others for tests. */
  readonly limits?: Partial<QueueLimits>;
}

export class Outlet {
  readonly channel: Channel;
  readonly #queue: DeliveryQueue;
  readonly #gate: StormGate;
  readonly #consoleUrl: () => string;

  constructor({ channel, scheduler, log, counts, consoleUrl, limits }: OutletOptions) {
    this.channel = channel;
    this.#consoleUrl = consoleUrl;
    const usual = channel.audience === 'people' ? PEOPLE_LIMITS : PROGRAM_LIMITS;
    this.#queue = new DeliveryQueue({ channel, scheduler, log, counts, limits: { ...usual, ...limits } });
    this.#gate = new StormGate({
      scheduler,
      pass: (notifications) => this.#queue.push('', { notifications, consoleUrl: consoleUrl() }),
      drop: () => {
        counts.dropped++;
      },
    });
  }

  take(notification: Notification): void {
    if (this.channel.audience === 'people') this.#gate.take(notification);
    else this.#queue.push(notification.target, this.#messageOf(notification));
  }

  /** One attempt, beside the queue: an operator waits for what comes of it. Rejects with DeliveryError. */
  tryOnce(notification: Notification): Promise<void> {
    return this.channel.deliver(
      this.#messageOf(notification),
      AbortSignal.timeout(Math.min(this.channel.timeoutMs, TEST_TIMEOUT_MS)),
    );
  }

  #messageOf(notification: Notification): Message {
    return { notifications: [notification], consoleUrl: this.#consoleUrl() };
  }

  get queued(): number {
    return this.#queue.length;
  }

  get lastError(): string | undefined {
    return this.#queue.lastError;
  }

  /** Passes on what the gate holds back; the queue goes on by itself. */
  flush(): void {
    this.#gate.flush();
  }

  async stop(graceMs: number): Promise<void> {
    this.#gate.flush();
    await this.#queue.stop(graceMs);
  }
}
