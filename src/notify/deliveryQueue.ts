/*
 * The delivery queue of one channel. It is bounded and has its own workers, so that a slow or missing server delays no
 * other channel. A failed attempt is repeated with growing pauses and jitter until the message is too old to matter.
 *
 * Messages with the same ordering key (the target) are delivered one after the other, also while the first is retried:
 * a program must never get `unban` before the `ban` it belongs to.
 */
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { type Channel, DeliveryError, type Message } from './channel.ts';
import type { Scheduler } from './scheduler.ts';

export interface QueueLimits {
  /** Messages waiting or being delivered. */
  readonly capacity: number;
  readonly workers: number;
  /** Counted from the moment a message was queued. No attempt begins later. */
  readonly deadlineMs: number;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

/** Results of notifications since the start. Each notification ends as one of these. */
export interface DeliveryCounts {
  ok: number;
  error: number;
  dropped: number;
}

export interface DeliveryQueueOptions {
  readonly channel: Channel;
  readonly limits: QueueLimits;
  readonly scheduler: Scheduler;
  readonly log: Logger;
  /** Shared by all queues of one kind of channel. */
  readonly counts: DeliveryCounts;
}

interface QueuedMessage {
  readonly message: Message;
  readonly deadline: number;
}

/** Dropped messages are logged at most this often. */
const DROP_LOG_INTERVAL_MS = 60_000;

export class DeliveryQueue {
  readonly #options: DeliveryQueueOptions;
  /** By ordering key. The first message of each list is being delivered or is next. */
  readonly #waiting = new Map<string, QueuedMessage[]>();
  /** Ordering keys that no worker is delivering, oldest first. */
  readonly #ready: string[] = [];
  readonly #working = new Set<Promise<void>>();
  #workers = 0;
  readonly #stopped = new AbortController();
  /** The queue is stopping: there are no more pauses between attempts. */
  #isDraining = false;
  readonly #pauses = new Set<() => void>();
  #length = 0;
  #dropLoggedAt = Number.NEGATIVE_INFINITY;
  #lastError: string | undefined;

  constructor(options: DeliveryQueueOptions) {
    this.#options = options;
  }

  /** Messages waiting or being delivered. */
  get length(): number {
    return this.#length;
  }

  /** Why the latest attempt failed; undefined where it succeeded. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Queues a message. One that does not fit is counted as dropped. */
  push(orderingKey: string, message: Message): void {
    const { limits, scheduler } = this.#options;
    if (this.#isDraining || this.#length >= limits.capacity) {
      this.#drop(message);
      return;
    }
    this.#length++;
    const queued: QueuedMessage = { message, deadline: scheduler.now() + limits.deadlineMs };
    const waiting = this.#waiting.get(orderingKey);
    if (waiting !== undefined) {
      waiting.push(queued);
      return;
    }
    this.#waiting.set(orderingKey, [queued]);
    this.#ready.push(orderingKey);
    if (this.#workers < limits.workers) this.#startWorker();
  }

  /** Tries what is queued once more at most, and gives up after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#isDraining = true;
    for (const end of [...this.#pauses]) end();
    const giveUp = this.#options.scheduler.after(graceMs, () => this.#stopped.abort());
    await Promise.all(this.#working);
    giveUp();
  }

  #startWorker(): void {
    this.#workers++;
    const work = this.#work().finally(() => this.#working.delete(work));
    this.#working.add(work);
  }

  async #work(): Promise<void> {
    for (let key = this.#ready.shift(); key !== undefined; key = this.#ready.shift()) {
      const waiting = this.#waiting.get(key) as QueuedMessage[];
      await this.#deliver(waiting[0]);
      waiting.shift();
      this.#length--;
      if (waiting.length > 0) this.#ready.push(key);
      else this.#waiting.delete(key);
    }
    this.#workers--;
  }

  async #deliver({ message, deadline }: QueuedMessage): Promise<void> {
    const { channel, limits, scheduler, log, counts } = this.#options;
    const weight = message.notifications.length;
    let longestPause = limits.firstPauseMs;
    for (let attempt = 1; ; attempt++) {
      const failure = await this.#attempt(message);
      if (failure === undefined) {
        counts.ok += weight;
        this.#lastError = undefined;
        return;
      }
      this.#lastError = failure.message;
      // Half of the pause is fixed and half is random, so that many queues do not retry one server at the same moment.
      const pause = Math.max(longestPause * (0.5 + 0.5 * scheduler.random()), failure.retryAfterMs ?? 0);
      const isLast = !failure.retryable || this.#isDraining || scheduler.now() + pause >= deadline;
      const fields = { channel: channel.name, attempt, notifications: weight, error: failure.message };
      if (isLast) {
        counts.error += weight;
        log.error(fields, 'notification was not delivered');
        return;
      }
      if (attempt === 1) log.warn(fields, 'notification attempt failed, it will be retried');
      longestPause = Math.min(longestPause * 2, limits.longestPauseMs);
      await this.#pause(pause);
    }
  }

  /** Answers the failure; undefined where the message was delivered. */
  async #attempt(message: Message): Promise<DeliveryError | undefined> {
    const { channel, scheduler } = this.#options;
    const timeout = new AbortController();
    const cancelTimer = scheduler.after(channel.timeoutMs, () => timeout.abort());
    try {
      await channel.deliver(message, AbortSignal.any([timeout.signal, this.#stopped.signal]));
      return undefined;
    } catch (error) {
      if (error instanceof DeliveryError) return error;
      return new DeliveryError(`unexpected: ${messageOf(error)}`, false);
    } finally {
      cancelTimer();
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancelTimer();
        this.#pauses.delete(end);
        resolve();
      };
      const cancelTimer = this.#options.scheduler.after(ms, end);
      this.#pauses.add(end);
    });
  }

  #drop(message: Message): void {
    const { channel, counts, log, scheduler } = this.#options;
    counts.dropped += message.notifications.length;
    if (scheduler.now() - this.#dropLoggedAt < DROP_LOG_INTERVAL_MS) return;
    this.#dropLoggedAt = scheduler.now();
    log.error({ channel: channel.name, queued: this.#length }, 'the queue is full, notifications are dropped');
  }
}
