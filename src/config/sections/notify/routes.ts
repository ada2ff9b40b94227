/*
 * `notify.routes`: which notification goes to whom.
 */
import * as z from 'zod';
import { choice, integer, list, MAX_DURATION_SECONDS, name } from '../../fields.ts';
import type { KeyPath } from '../../keyPath.ts';
import { type RuleContext, readItems } from '../../section.ts';
import { GLOBAL_GROUP, type HostgroupsFile } from '../hostgroups.ts';
import { mailbox } from './email.ts';
import { chatId } from './telegram.ts';

/** The channels, in the order in which metrics and summaries list them. */
export const NOTIFY_CHANNELS = ['telegram', 'slack', 'email', 'webhook', 'exec'] as const;
export type NotifyChannel = (typeof NOTIFY_CHANNELS)[number];

/** In ascending order. */
export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

export const routesSchema = list(
  z
    .strictObject({
      groups: list(name())
        .optional()
        .describe('Only attacks on hosts of these hostgroups ("global" is one); if absent, all'),
      tenants: list(name()).optional().describe('Only attacks on hosts of these tenants; if absent, all'),
      channels: list(choice(NOTIFY_CHANNELS))
        .min(1, { error: 'must name at least one channel' })
        .describe('Channels that receive it'),
      min_severity: choice(SEVERITIES)
        .default('info')
        .describe(
          'info: everything; warning: attacks from twice their limit; critical: from ten times, and failed bans',
        ),
      quiet_seconds: integer(0, MAX_DURATION_SECONDS)
        .default(0)
        .describe('The same event about the same target is sent again only after this time'),
      email_to: list(mailbox())
        .min(1, { error: 'must hold at least one mail address' })
        .optional()
        .describe('Recipients of this route, instead of email.to'),
      telegram_chat_id: chatId().optional().describe('Chat of this route, instead of telegram.chat_id'),
    })
    .describe('A notification goes to the channels of every route that it matches'),
)
  .default([])
  .describe('Which notifications go to which channels; without routes every channel receives everything');

type RoutesFile = z.output<typeof routesSchema>;

/** A notification goes to the channels of every route that it matches. */
export interface NotifyRoute {
  /** Names of hostgroups; undefined = all. */
  readonly groups: readonly string[] | undefined;
  /** Undefined = all, and hosts without a tenant. */
  readonly tenants: readonly string[] | undefined;
  readonly channels: readonly NotifyChannel[];
  readonly minSeverity: Severity;
  /** The same event about the same target is sent again only after this time; 0 = always. */
  readonly quietSeconds: number;
  /** In place of the channel's own recipients. */
  readonly emailTo: readonly string[] | undefined;
  readonly telegramChatId: string | undefined;
}

/** Every name in a route must exist. With a wrong name a recipient would wait for messages that never come. */
export function checkRoutes({
  file,
  isStated,
  report,
}: RuleContext<HostgroupsFile & { notify: { routes: RoutesFile } }>): void {
  const groups = new Set([GLOBAL_GROUP, ...readItems(file.hostgroups).map(([, group]) => group.name ?? '')]);
  const tenants = new Set([file.tenant, ...readItems(file.hostgroups).map(([, group]) => group.tenant)]);
  for (const [index, route] of readItems(file.notify?.routes)) {
    const path: KeyPath = ['notify', 'routes', index];
    for (const [position, group] of readItems(route.groups)) {
      if (!groups.has(group)) report([...path, 'groups', position], `must be the name of a hostgroup, got "${group}"`);
    }
    for (const [position, tenant] of readItems(route.tenants)) {
      if (!tenants.has(tenant)) {
        report([...path, 'tenants', position], `must be the tenant of a hostgroup, got "${tenant}"`);
      }
    }
    const channels = readItems(route.channels);
    for (const [position, channel] of channels) {
      if (!isStated(['notify', channel])) {
        report([...path, 'channels', position], `must be a channel that is configured, notify.${channel} is not`);
      }
    }
    for (const [key, channel] of [
      ['email_to', 'email'],
      ['telegram_chat_id', 'telegram'],
    ]) {
      if (isStated([...path, key]) && !channels.some(([, named]) => named === channel)) {
        report([...path, key], `has a meaning only where channels names ${channel}`);
      }
    }
  }
}

export function resolveRoute(route: RoutesFile[number]): NotifyRoute {
  return {
    groups: route.groups,
    tenants: route.tenants,
    channels: [...new Set(route.channels)],
    minSeverity: route.min_severity,
    quietSeconds: route.quiet_seconds,
    emailTo: route.email_to,
    telegramChatId: route.telegram_chat_id === undefined ? undefined : String(route.telegram_chat_id),
  };
}
