/*
 * What a channel is: one way of delivering, one file each. Channels know nothing of queues, retries or routing; they try
 * once, until they are told to stop, and say what went wrong and whether trying again could help.
 */
import type { NotifyChannel } from '../config/sections/notify/channels.ts';
import type { Notification } from './notification.ts';

export interface Channel {
  readonly name: NotifyChannel;
  /** People are told of a storm in few messages; programs get every notification. */
  readonly audience: 'people' | 'programs';
  /** One attempt may take this long. */
  readonly timeoutMs: number;
  /** Delivers once. Rejects with DeliveryError, soon after the signal at the latest. */
  deliver(message: Message, signal: AbortSignal): Promise<void>;
}

/** What is sent at once: one notification, or what was summed up; programs never get more than one. */
export interface Message {
  readonly notifications: readonly [Notification, ...Notification[]];
  /** Base of links, without a slash at the end; empty where there is none. */
  readonly consoleUrl: string;
}

/** Why an attempt failed. The message never holds a secret. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError';
  /** Whether another attempt could succeed. */
  readonly retryable: boolean;
  /** How long the other side wants to be left alone, if it says. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryable: boolean, retryAfterMs?: number) {
    super(message);
    this.retryable = retryable;
    this.retryAfterMs = retryAfterMs;
  }
}
