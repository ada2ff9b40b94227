/*
 * A Telegram bot: `sendMessage` of the Bot API, as plain text. The URL contains the token, so it is never logged.
 */
import type { TelegramConfig } from '../config/sections/notify/telegram.ts';
import type { Channel, Message } from './channel.ts';
import { postJson } from './httpPost.ts';
import { clipText, messageText } from './messageText.ts';

/** The Bot API takes 1 to 4,096 characters. */
const MAX_CHARACTERS = 4096;

export class TelegramChannel implements Channel {
  readonly name = 'telegram';
  readonly audience = 'people';
  readonly timeoutMs = 10_000;
  readonly #config: TelegramConfig;

  constructor(config: TelegramConfig) {
    this.#config = config;
  }

  deliver(message: Message, signal: AbortSignal): Promise<void> {
    const { token, chatId, apiUrl } = this.#config;
    const { subject, lines } = messageText(message);
    return postJson({
      url: `${apiUrl}/bot${encodeURIComponent(token).replaceAll('%3A', ':')}/sendMessage`,
      body: {
        chat_id: chatId,
        text: clipText([subject, '', ...lines].join('\n'), MAX_CHARACTERS),
        link_preview_options: { is_disabled: true },
      },
      signal,
      retryAfterMs: floodControlMs,
    });
  }
}

/** `{"ok":false,"error_code":429,"parameters":{"retry_after":30}}`: too many messages, in seconds. */
function floodControlMs(answer: string): number | undefined {
  const [, seconds] = /"retry_after"\s*:\s*(\d{1,6})/.exec(answer) ?? [];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
