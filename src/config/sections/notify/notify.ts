/*
 * `notify`: who is notified of attacks. Each channel has its own file in this folder.
 */
import * as z from 'zod';
import { httpUrl, integer, MAX_DURATION_SECONDS } from '../../fields.ts';
import { defineSection, type FileOf, type Origin } from '../../section.ts';
import { checkEmail, type EmailConfig, emailSchema, resolveEmail } from './email.ts';
import { type ExecConfig, execSchema, resolveExec } from './exec.ts';
import {
  checkRoutes,
  NOTIFY_CHANNELS,
  type NotifyChannel,
  type NotifyRoute,
  resolveRoute,
  routesSchema,
} from './routes.ts';
import { checkSlack, resolveSlack, type SlackConfig, slackSchema } from './slack.ts';
import { checkTelegram, resolveTelegram, type TelegramConfig, telegramSchema } from './telegram.ts';
import { checkWebhook, resolveWebhook, type WebhookConfig, webhookSchema } from './webhook.ts';

const keys = {
  notify: z
    .strictObject({
      telegram: telegramSchema.optional(),
      slack: slackSchema.optional(),
      email: emailSchema.optional(),
      webhook: webhookSchema.optional(),
      exec: execSchema.optional(),
      routes: routesSchema,
      update_seconds: integer(0, MAX_DURATION_SECONDS)
        .default(0)
        .describe('How often the progress of a lasting attack is sent; 0 is never'),
      console_url: httpUrl()
        .optional()
        .describe('Address of the console for links in messages; if absent, the address of the API'),
    })
    .prefault({})
    .describe('Who is notified of attacks'),
};

/** A channel that is undefined is not configured. Secrets are in their places. */
export interface NotifyConfig {
  readonly telegram: TelegramConfig | undefined;
  readonly slack: SlackConfig | undefined;
  readonly email: EmailConfig | undefined;
  readonly webhook: WebhookConfig | undefined;
  readonly exec: ExecConfig | undefined;
  /** Empty = every channel receives everything. */
  readonly routes: readonly NotifyRoute[];
  /** How often `attack_updated` is sent while an attack lasts; 0 = never. */
  readonly updateSeconds: number;
  /** Address of the console, without a slash at the end; undefined = where the API listens. */
  readonly consoleUrl: string | undefined;
}

/** The channels that are configured, in the order of NOTIFY_CHANNELS. */
export function configuredChannels(notify: NotifyConfig): NotifyChannel[] {
  return NOTIFY_CHANNELS.filter((channel) => notify[channel] !== undefined);
}

function resolveNotify({ notify }: FileOf<typeof keys>, origin: Origin): { readonly notify: NotifyConfig } {
  const { telegram, slack, email, webhook, exec } = notify;
  return {
    notify: {
      telegram: telegram && resolveTelegram(telegram, origin),
      slack: slack && resolveSlack(slack, origin),
      email: email && resolveEmail(email, origin),
      webhook: webhook && resolveWebhook(webhook, origin),
      exec: exec && resolveExec(exec, origin),
      routes: notify.routes.map(resolveRoute),
      updateSeconds: notify.update_seconds,
      consoleUrl: notify.console_url?.replace(/\/+$/, ''),
    },
  };
}

export const notifySection = defineSection({
  keys,
  rules: [checkTelegram, checkSlack, checkEmail, checkWebhook, checkRoutes],
  resolve: resolveNotify,
  reload: 'live',
});
