/*
 * Decides who gets a notification, by routes, severity and quiet time, and gives it to their channel queues. It returns
 * at once and never throws, so that detection and decisions never wait for a delivery.
 */
import { configuredChannels, type NotifyConfig } from '../config/sections/notify/notify.ts';
import {
  NOTIFY_CHANNELS,
  type NotifyChannel,
  type NotifyRoute,
  SEVERITIES,
  type Severity,
} from '../config/sections/notify/routes.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Channel } from './channel.ts';
import { ChannelQueue } from './channelQueue.ts';
import type { DeliveryCounts } from './deliveryQueue.ts';
import { EmailChannel } from './emailChannel.ts';
import { ExecChannel } from './execChannel.ts';
import { type Notification, severityOf } from './notification.ts';
import type { Scheduler } from './scheduler.ts';
import { SlackChannel } from './slackChannel.ts';
import { TelegramChannel } from './telegramChannel.ts';
import { tenantNotification } from './tenantNotification.ts';
import { testNotification } from './testNotification.ts';
import { WebhookChannel } from './webhookChannel.ts';

/** The engine follows at most ten thousand attacks at a time, and each may have a ban that failed. */
const MAX_TOPICS = 50_000;
const MAX_SENT = 100_000;

/** When the daemon stops, deliveries may take this long. */
const STOP_GRACE_MS = 2000;

export interface NotifierOptions {
  readonly log: Logger;
  readonly scheduler: Scheduler;
  /** The environment from which programs of `exec` inherit a few variables. */
  readonly env: NodeJS.ProcessEnv;
  /** Where the API listens. Links use it where the config names no console. */
  readonly apiUrl: () => string;
}

/** The result of a test on one channel queue. */
export interface TestOutcome {
  readonly channel: NotifyChannel;
  /** Undefined where it was delivered. */
  readonly error: string | undefined;
}

export interface NotifierStatus {
  readonly channels: readonly NotifyChannel[];
  /** Messages waiting or being delivered. */
  readonly queued: number;
  /** Of the latest attempt, where it failed. */
  readonly errors: readonly { readonly channel: NotifyChannel; readonly error: string }[];
}

/**
 * What was sent to which channel queue, as far as the next notification depends on it. The end of an attack or a
 * failure goes to the queues that got its start, and `quiet_seconds` of a route suppresses repetitions.
 */
class NotificationLog {
  /** Keys of queues by topic, see `Recipients`. */
  readonly #queuesByTopic = new Map<string, Set<string>>();
  /** Clock milliseconds, oldest first. */
  readonly #sentAt = new Map<string, number>();

  /** The queues that got the topic; undefined where the topic is not known, for example after a restart. */
  queuesOf(topic: string): ReadonlySet<string> | undefined {
    return this.#queuesByTopic.get(topic);
  }

  /** Adds queues that got the topic. With none, it is known that no queue got it. */
  addQueues(topic: string, keys: Iterable<string>): void {
    const queues = this.#queuesByTopic.get(topic) ?? new Set<string>();
    for (const key of keys) queues.add(key);
    this.#queuesByTopic.set(topic, queues);
    deleteOldest(this.#queuesByTopic, MAX_TOPICS);
  }

  forgetTopic(topic: string): void {
    this.#queuesByTopic.delete(topic);
  }

  /** Whether `key` was recorded less than `seconds` before `at`. */
  isRecent(key: string, at: number, seconds: number): boolean {
    const before = this.#sentAt.get(key);
    return before !== undefined && at >= before && at - before < seconds * 1000;
  }

  record(key: string, at: number): void {
    this.#sentAt.delete(key);
    this.#sentAt.set(key, at);
    deleteOldest(this.#sentAt, MAX_SENT);
  }
}

function deleteOldest(map: Map<string, unknown>, limit: number): void {
  if (map.size <= limit) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
}

export class Notifier {
  readonly #options: NotifierOptions;
  readonly #counts = Object.fromEntries(
    NOTIFY_CHANNELS.map((channel) => [channel, { ok: 0, error: 0, dropped: 0 }]),
  ) as Record<NotifyChannel, DeliveryCounts>;
  readonly #log = new NotificationLog();
  #config: NotifyConfig;
  #routes: PlannedRoute[] = [];
  #queues: ReadonlyMap<string, ChannelQueue> = new Map();
  /** Keys of queues that only routes of tenants lead to: there is somebody who may not see the whole deployment. */
  #tenantQueues: ReadonlySet<string> = new Set();
  /** Queues of former configurations that still have messages to deliver. */
  #retired: ChannelQueue[] = [];

  constructor(config: NotifyConfig, options: NotifierOptions) {
    this.#options = options;
    this.#config = config;
    this.reconfigure(config);
  }

  /** Queues the notification for everybody who gets it. Returns at once and never throws. */
  notify(notification: Notification): void {
    try {
      for (const key of this.#queuesFor(notification)) {
        this.#queues.get(key)?.add(this.#tenantQueues.has(key) ? tenantNotification(notification) : notification);
      }
    } catch (error) {
      this.#options.log.error({ error: messageOf(error), target: notification.target }, 'notification failed');
    }
  }

  /** Queues that did not change go on. Queues that are no longer configured deliver what they have. */
  reconfigure(config: NotifyConfig): void {
    const routes = planRoutes(config);
    const queues = new Map<string, ChannelQueue>();
    for (const { key, channel, config: own } of routes.flatMap((route) => route.queues)) {
      if (!queues.has(key)) queues.set(key, this.#queues.get(key) ?? this.#createQueue(channel, own));
    }
    const removed = [...this.#queues].filter(([key]) => !queues.has(key)).map(([, queue]) => queue);
    for (const queue of removed) queue.flush();
    this.#retired = [...this.#retired, ...removed].filter(({ queued }) => queued > 0);
    this.#config = config;
    this.#routes = routes;
    this.#queues = queues;
    const open = new Set(routes.filter(({ tenants }) => tenants === undefined).flatMap(keysOf));
    this.#tenantQueues = new Set([...queues.keys()].filter((key) => !open.has(key)));
  }

  /** Results of notifications since the start, by channel. */
  counts(): Readonly<Record<NotifyChannel, Readonly<DeliveryCounts>>> {
    return this.#counts;
  }

  status(): NotifierStatus {
    const queues = [...this.#queues.values()];
    return {
      channels: configuredChannels(this.#config),
      queued: [...queues, ...this.#retired].reduce((sum, { queued }) => sum + queued, 0),
      errors: queues.flatMap(({ channel, lastError }) =>
        lastError === undefined ? [] : [{ channel: channel.name, error: lastError }],
      ),
    };
  }

  /** Sends a test through every channel queue at once, with one attempt each. `at` is clock milliseconds. */
  test(at: number): Promise<TestOutcome[]> {
    const notification = testNotification(at);
    return Promise.all(
      [...this.#queues.values()].map(async (queue): Promise<TestOutcome> => {
        const channel = queue.channel.name;
        try {
          await queue.tryOnce(notification);
          this.#counts[channel].ok++;
          return { channel, error: undefined };
        } catch (error) {
          this.#counts[channel].error++;
          return { channel, error: messageOf(error) };
        }
      }),
    );
  }

  /** Tries what is queued once more at most, within two seconds. */
  async stop(): Promise<void> {
    await Promise.all([...this.#queues.values(), ...this.#retired].map((queue) => queue.stop(STOP_GRACE_MS)));
  }

  #createQueue(name: NotifyChannel, config: NotifyConfig[NotifyChannel]): ChannelQueue {
    const { log, scheduler, env, apiUrl } = this.#options;
    return new ChannelQueue({
      channel: createChannel(name, config, env, log),
      scheduler,
      log,
      counts: this.#counts[name],
      consoleUrl: () => this.#config.consoleUrl ?? apiUrl(),
    });
  }

  #queuesFor(notification: Notification): ReadonlySet<string> {
    const { followUpOf, routes, opens, once, closes } = notification.recipients;
    if (once && opens.every((topic) => this.#log.queuesOf(topic) !== undefined)) return new Set();
    const known = followUpOf === undefined ? undefined : this.#log.queuesOf(followUpOf);
    if (closes && followUpOf !== undefined) this.#log.forgetTopic(followUpOf);
    const followsRoutes = routes === 'always' || (routes === 'if_unknown' && known === undefined);
    const queues = new Set([...(known ?? []), ...(followsRoutes ? this.#routed(notification) : [])]);
    for (const topic of opens) this.#log.addQueues(topic, queues);
    return queues;
  }

  #routed(notification: Notification): Set<string> {
    const { event, target, at } = notification;
    const severity = severityOf(notification);
    const queues = new Set<string>();
    for (const route of this.#routes) {
      if (!matchesRoute(route, notification) || !isAtLeast(severity, route.minSeverity)) continue;
      for (const { key } of route.queues) {
        if (!this.#log.isRecent(`${event} ${target} ${key}`, at, route.quietSeconds)) queues.add(key);
      }
    }
    for (const key of queues) this.#log.record(`${event} ${target} ${key}`, at);
    return queues;
  }
}

/** `env`: the environment from which programs inherit. Throws where the channel is not configured. */
function createChannel(
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

interface PlannedQueue {
  /** Two queues with the same key are the same queue. It holds secrets: never show it. */
  readonly key: string;
  readonly channel: NotifyChannel;
  /** The channel's configuration with the recipients of the route. */
  readonly config: NotifyConfig[NotifyChannel];
}

interface PlannedRoute extends NotifyRoute {
  readonly queues: readonly PlannedQueue[];
}

/**
 * The routes of a configuration, each with the channel queues that it leads to. A route with its own recipients has its
 * own queue, so that the full mailbox of one customer delays nobody else. Without routes, every notification goes to
 * every channel.
 */
function planRoutes(notify: NotifyConfig): PlannedRoute[] {
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

function keysOf({ queues }: PlannedRoute): string[] {
  return queues.map(({ key }) => key);
}

/** Whether the route is for the notification's group and tenant. */
function matchesRoute(route: NotifyRoute, { group, tenant }: Notification): boolean {
  if (route.groups !== undefined && !route.groups.includes(group)) return false;
  return route.tenants === undefined || (tenant !== undefined && route.tenants.includes(tenant));
}

function isAtLeast(severity: Severity, minimum: Severity): boolean {
  return SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(minimum);
}
