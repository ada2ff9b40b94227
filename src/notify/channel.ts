/*
 * The interface of a channel: one way to deliver messages, one file each. A channel knows nothing about queues, retries
 * or routes. It makes one attempt, stops when it is told to, and says what failed and whether a retry can help.
 */
import type { NotifyChannel } from '../config/sections/notify/routes.ts';
import type { Notification } from './notification.ts';

export interface Channel {
  readonly name: NotifyChannel;
  /** People get a storm of alerts in few messages. Programs get every notification by itself. */
  readonly audience: 'people' | 'programs';
  /** One attempt may take this long. */
  readonly timeoutMs: number;
  /** Whether the channel has a use for the notification; absent means that it takes all. */
  accepts?(notification: Notification): boolean;
  /** Makes one attempt. Rejects with DeliveryError, at the latest soon after the signal. */
  deliver(message: Message, signal: AbortSignal): Promise<void>;
}

/** What is sent at once: one notification or, for people only, a group of them. */
export interface Message {
  readonly notifications: readonly [Notification, ...Notification[]];
  /** Base of links, without a slash at the end; empty for no links. */
  readonly consoleUrl: string;
}

/** A message as people read it. */
export interface MessageText {
  /** One line, short enough for the subject of a mail. */
  readonly subject: string;
  readonly lines: readonly string[];
}

/** Why an attempt failed. The message never contains a secret. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError';
  /** Whether another attempt can succeed. */
  readonly retryable: boolean;
  /** How long the server asks to wait before the next attempt; undefined where it does not ask. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryable: boolean, retryAfterMs?: number) {
    super(message);
    this.retryable = retryable;
    this.retryAfterMs = retryAfterMs;
  }
}
