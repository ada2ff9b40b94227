/*
 * Which outlets a configuration asks for, and which routes lead to them. A route with addressees of its own has an
 * outlet of its own, so that one customer's full mailbox is nobody else's delay.
 */

import type { NotifyChannel } from '../config/sections/notify/channels.ts';
import { configuredChannels, type NotifyConfig } from '../config/sections/notify/notify.ts';
import { type NotifyRoute, SEVERITIES, type Severity } from '../config/sections/notify/routes.ts';
import type { Notification } from './notification.ts';

export interface PlannedOutlet {
  /** Says everything about the outlet, secrets included: two with one key are the same. Not for people. */
  readonly key: string;
  readonly channel: NotifyChannel;
  /** The channel's configuration with the route's addressees in it. */
  readonly config: NotifyConfig[NotifyChannel];
}

export interface PlannedRoute extends NotifyRoute {
  readonly outlets: readonly PlannedOutlet[];
}

/** Without routes, everything goes to every channel. */
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
  return routes.map((route) => ({ ...route, outlets: route.channels.map((name) => planOutlet(name, route, notify)) }));
}

function planOutlet(channel: NotifyChannel, route: NotifyRoute, notify: NotifyConfig): PlannedOutlet {
  const config = addressed(channel, route, notify);
  return { key: `${channel} ${JSON.stringify(config)}`, channel, config };
}

function addressed(channel: NotifyChannel, route: NotifyRoute, notify: NotifyConfig): NotifyConfig[NotifyChannel] {
  const { email, telegram } = notify;
  if (channel === 'email' && email !== undefined) return { ...email, to: route.emailTo ?? email.to };
  if (channel === 'telegram' && telegram !== undefined) {
    return { ...telegram, chatId: route.telegramChatId ?? telegram.chatId };
  }
  return notify[channel];
}

/** Whether the notification is about what the route is about. */
export function concerns(route: NotifyRoute, { group, tenant }: Notification): boolean {
  if (route.groups !== undefined && !route.groups.includes(group)) return false;
  return route.tenants === undefined || (tenant !== undefined && route.tenants.includes(tenant));
}

export function isAtLeast(severity: Severity, least: Severity): boolean {
  return SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(least);
}
