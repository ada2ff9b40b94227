/*
 * A webhook: each notification is one POST of JSON.
 */
import type { WebhookConfig } from '../config/sections/notify/webhook.ts';
import type { Channel, Message } from './channel.ts';
import { postJson } from './httpPost.ts';
import { notificationPayload } from './notification.ts';

export class WebhookChannel implements Channel {
  readonly name = 'webhook';
  readonly audience = 'programs';
  readonly timeoutMs = 10_000;
  readonly #config: WebhookConfig;

  constructor(config: WebhookConfig) {
    this.#config = config;
  }

  deliver({ notifications: [notification] }: Message, signal: AbortSignal): Promise<void> {
    const { url, headers } = this.#config;
    return postJson({ url, headers, body: notificationPayload(notification), signal });
  }
}
