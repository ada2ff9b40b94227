/*
 * `notify.telegram`: a bot that writes into a chat.
 */
import * as z from 'zod';
import { environmentVariable, httpUrl } from '../../fields.ts';
import type { KeyPath } from '../../keyPath.ts';
import type { Origin, RuleContext } from '../../section.ts';

export function chatId() {
  const error = 'must be the number of a chat, or "@" and the name of a channel';
  return z.union([z.int({ error }), z.string({ error }).regex(/^(-?\d{1,20}|@\w{1,64})$/, { error })], { error });
}

export const telegramSchema = z
  .strictObject({
    token_env: environmentVariable().describe("Environment variable that holds the bot's token"),
    chat_id: chatId().describe('Chat that receives the messages: a number, or "@channel"'),
    api_url: httpUrl().default('https://api.telegram.org').describe('Bot API server, if it is not the public one'),
  })
  .describe('A Telegram bot');

type TelegramFile = z.output<typeof telegramSchema>;

export interface TelegramConfig {
  readonly token: string;
  readonly chatId: string;
  /** Without a slash at the end. */
  readonly apiUrl: string;
}

export function checkTelegram({
  file,
  report,
  readVariable,
}: RuleContext<{ notify: { telegram?: TelegramFile | undefined } }>): void {
  const variable = file.notify?.telegram?.token_env;
  if (variable === undefined) return;
  const path: KeyPath = ['notify', 'telegram', 'token_env'];
  if (!/^[\x21-\x7e]*$/.test(readVariable(path, variable))) {
    report(path, `must name a variable that holds a bot's token, ${variable} does not`);
  }
}

export function resolveTelegram(telegram: TelegramFile, { env }: Origin): TelegramConfig {
  return {
    token: env[telegram.token_env] ?? '',
    chatId: String(telegram.chat_id),
    apiUrl: telegram.api_url.replace(/\/+$/, ''),
  };
}
