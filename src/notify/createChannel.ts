/*
 * Makes a channel from its configuration.
 */

import type { NotifyConfig } from '../config/sections/notify/notify.ts';
import type { NotifyChannel } from '../config/sections/notify/routes.ts';
import type { Logger } from '../log.ts';
import type { Channel } from './channel.ts';
import { EmailChannel } from './emailChannel.ts';
import { ExecChannel } from './execChannel.ts';
import { SlackChannel } from './slackChannel.ts';
import { TelegramChannel } from './telegramChannel.ts';
import { WebhookChannel } from './webhookChannel.ts';

/** `env`: the environment from which programs inherit. Throws where the channel is not configured. */
export function createChannel(
  name: NotifyChannel,
  config: NotifyConfig[NotifyChannel],
  env: NodeJS.ProcessEnv,
  log: Logger,
): Channel {
  const channels: { readonly [Name in NotifyChannel]: (own: NonNullable<NotifyConfig[Name]>) => Channel } = {
    telegram: (own) => new TelegramChannel(own),
    slack: (own) => new SlackChannel(own),
    email: (own) => new EmailChannel(own, log),
    webhook: (own) => new WebhookChannel(own),
    exec: (own) => new ExecChannel(own, env),
  };
  if (config === undefined) throw new Error(`the channel ${name} is not configured`);
  return (channels[name] as (own: typeof config) => Channel)(config);
}
