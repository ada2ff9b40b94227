/*
 * The queue of one channel: bounded, with workers of its own, so that neither a slow mail server nor one that is gone
 * delays anybody else. A failed attempt is repeated, after longer and longer pauses with jitter, until the message is
 * too old to matter.
 *
 * Messages about one target form a lane and are delivered one after the other, however often the first is repeated: a
 * program must never hear `unban` before the `ban` it belongs to.
 */
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { type Channel, DeliveryError, type Message } from './channel.ts';
import type { Scheduler } from './scheduler.ts';

export interface QueueLimits {
  /** Messages waiting or being delivered. */
  readonly capacity: number;
  readonly workers: number;
  /** From the moment a message was queued; no attempt begins after. */
  readonly deadlineMs: number;
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

/** Of notifications, since start: each of them ends as one of these. */
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
  /** Shared by the queues of one kind of channel. */
  readonly counts: DeliveryCounts;
}

interface QueuedMessage {
  readonly message: Message;
  readonly deadline: number;
}

/** Dropped messages are logged once in this time. */
const DROP_LOG_INTERVAL_MS = 60_000;

export class DeliveryQueue {
  readonly #options: DeliveryQueueOptions;
  /** By target; the head of a lane is being delivered or is next. */
  readonly #lanes = new Map<string, QueuedMessage[]>();
  /** Lanes that no worker is at, in the order in which they became so. */
  readonly #ready: string[] = [];
  readonly #working = new Set<Promise<void>>();
  #workers = 0;
  readonly #stopped = new AbortController();
  /** Ends the pauses between attempts. */
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

  /** Why the latest attempt failed; undefined once one succeeded again. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Queues a message; what does not fit is counted as dropped. */
  push(lane: string, message: Message): void {
    const { limits, scheduler } = this.#options;
    if (this.#isDraining || this.#length >= limits.capacity) {
      this.#drop(message);
      return;
    }
    this.#length++;
    const queued: QueuedMessage = { message, deadline: scheduler.now() + limits.deadlineMs };
    const waiting = this.#lanes.get(lane);
    if (waiting !== undefined) {
      waiting.push(queued);
      return;
    }
    this.#lanes.set(lane, [queued]);
    this.#ready.push(lane);
    if (this.#workers < limits.workers) this.#startWorker();
  }

  /** Tries what is queued once more at most, and gives that up after `graceMs`. */
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
    for (let lane = this.#ready.shift(); lane !== undefined; lane = this.#ready.shift()) {
      const waiting = this.#lanes.get(lane) as QueuedMessage[];
      await this.#deliver(waiting[0]);
      waiting.shift();
      this.#length--;
      if (waiting.length > 0) this.#ready.push(lane);
      else this.#lanes.delete(lane);
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
      // Half of the pause is certain, half is chance: many queues that lost one server do not come back as one.
      const pause = Math.max(longestPause * (0.5 + 0.5 * scheduler.random()), failure.retryAfterMs ?? 0);
      const isLast = !failure.retryable || this.#isDraining || scheduler.now() + pause >= deadline;
      const fields = { channel: channel.name, attempt, notifications: weight, error: failure.message };
      if (isLast) {
        counts.error += weight;
        log.error(fields, 'notification could not be delivered');
        return;
      }
      if (attempt === 1) log.warn(fields, 'notification failed, it will be tried again');
      longestPause = Math.min(longestPause * 2, limits.longestPauseMs);
      await this.#pause(pause);
    }
  }

  /** Undefined where it was delivered. */
  async #attempt(message: Message): Promise<DeliveryError | undefined> {
    const { channel, scheduler } = this.#options;
    const timeout = new AbortController();
    const callOff = scheduler.after(channel.timeoutMs, () => timeout.abort());
    try {
      await channel.deliver(message, AbortSignal.any([timeout.signal, this.#stopped.signal]));
      return undefined;
    } catch (error) {
      if (error instanceof DeliveryError) return error;
      return new DeliveryError(`unexpected: ${messageOf(error)}`, false);
    } finally {
      callOff();
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        callOff();
        this.#pauses.delete(end);
        resolve();
      };
      const callOff = this.#options.scheduler.after(ms, end);
      this.#pauses.add(end);
    });
  }

  #drop(message: Message): void {
    const { channel, counts, log, scheduler } = this.#options;
    counts.dropped += message.notifications.length;
    if (scheduler.now() - this.#dropLoggedAt < DROP_LOG_INTERVAL_MS) return;
    this.#dropLoggedAt = scheduler.now();
    log.error({ channel: channel.name, queued: this.#length }, 'notifications are dropped, the queue is full');
  }
}
