/*
 * Which channel queues a configuration needs, and which routes lead to them. A route with its own recipients has its
 * own queue, so that the full mailbox of one customer delays nobody else.
 */
import { configuredChannels, type NotifyConfig } from '../config/sections/notify/notify.ts';
import { type NotifyChannel, type NotifyRoute, SEVERITIES, type Severity } from '../config/sections/notify/routes.ts';
import type { Notification } from './notification.ts';

export interface PlannedQueue {
  /** Two queues with the same key are the same queue. It holds secrets: never show it. */
  readonly key: string;
  readonly channel: NotifyChannel;
  /** The channel's configuration with the recipients of the route. */
  readonly config: NotifyConfig[NotifyChannel];
}

export interface PlannedRoute extends NotifyRoute {
  readonly queues: readonly PlannedQueue[];
}

/** Without routes, every notification goes to every channel. */
export function planRoutes(notify: NotifyConfig): PlannedRoute[] {
  const toAll: NotifyRoute = {
    groups: undefined,
    tenants: undefined,
    channels: configuredChannels(notify),
    minSeverity: 'info',
    quietSeconds: 0,
    emailTo: undefined,
    telegramChatId: undefined,
  };
  const routes = notify.routes.length === 0 ? [toAll] : notify.routes;
  return routes.map((route) => ({ ...route, queues: route.channels.map((name) => planQueue(name, route, notify)) }));
}

function planQueue(channel: NotifyChannel, route: NotifyRoute, notify: NotifyConfig): PlannedQueue {
  const config = withRecipients(channel, route, notify);
  return { key: `${channel} ${JSON.stringify(config)}`, channel, config };
}

function withRecipients(channel: NotifyChannel, route: NotifyRoute, notify: NotifyConfig): NotifyConfig[NotifyChannel] {
  const { email, telegram } = notify;
  if (channel === 'email' && email !== undefined) return { ...email, to: route.emailTo ?? email.to };
  if (channel === 'telegram' && telegram !== undefined) {
    return { ...telegram, chatId: route.telegramChatId ?? telegram.chatId };
  }
  return notify[channel];
}

/** Whether the route is for the notification's group and tenant. */
export function matchesRoute(route: NotifyRoute, { group, tenant }: Notification): boolean {
  if (route.groups !== undefined && !route.groups.includes(group)) return false;
  return route.tenants === undefined || (tenant !== undefined && route.tenants.includes(tenant));
}

export function isAtLeast(severity: Severity, minimum: Severity): boolean {
  return SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(minimum);
}
