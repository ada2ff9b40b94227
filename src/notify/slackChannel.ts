/*
 * A Slack incoming webhook, or a compatible one (Mattermost, Rocket.Chat).
 */
import type { SlackConfig } from '../config/sections/notify/slack.ts';
import type { Channel, Message } from './channel.ts';
import { postJson } from './httpPost.ts';
import { clipText, messageText } from './messageText.ts';

/** Slack's limit is 4,000 characters in one text. */
const MAX_CHARACTERS = 3900;

export class SlackChannel implements Channel {
  readonly name = 'slack';
  readonly audience = 'people';
  readonly timeoutMs = 10_000;
  readonly #config: SlackConfig;

  constructor(config: SlackConfig) {
    this.#config = config;
  }

  deliver(message: Message, signal: AbortSignal): Promise<void> {
    const { subject, lines } = messageText(message);
    const text = `*${escapeText(subject)}*\n${escapeText(lines.join('\n'))}`;
    return postJson({ url: this.#config.webhookUrl, body: { text: clipText(text, MAX_CHARACTERS) }, signal });
  }
}

/** Escapes Slack's three control characters. Without this a comment could mention a whole channel. */
function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
