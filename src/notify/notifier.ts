/*
 * The front of the room: decides who is told of a notification and hands it to their outlets. It returns at once, and
 * what goes wrong in here stays in here: nobody who detects or decides ever waits for it.
 */

import { NOTIFY_CHANNELS, type NotifyChannel } from '../config/sections/notify/channels.ts';
import { configuredChannels, type NotifyConfig } from '../config/sections/notify/notify.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { createChannel } from './createChannel.ts';
import type { DeliveryCounts } from './deliveryQueue.ts';
import { type Notification, severityOf } from './notification.ts';
import { Outlet } from './outlet.ts';
import { concerns, isAtLeast, type PlannedRoute, planRoutes } from './outletPlan.ts';
import type { Scheduler } from './scheduler.ts';
import { testNotification } from './testNotification.ts';
import { ToldRegister } from './toldRegister.ts';

/** What is under way when the daemon stops may take this long. */
const STOP_GRACE_MS = 2000;

export interface NotifierOptions {
  readonly log: Logger;
  readonly scheduler: Scheduler;
  /** What the programs of `exec` may inherit from. */
  readonly env: NodeJS.ProcessEnv;
  /** Where the API listens, for links where the config names no console; asked for each message. */
  readonly apiUrl: () => string;
}

/** What came of a test, for one outlet. */
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

export class Notifier {
  readonly #options: NotifierOptions;
  readonly #counts = Object.fromEntries(
    NOTIFY_CHANNELS.map((channel) => [channel, { ok: 0, error: 0, dropped: 0 }]),
  ) as Record<NotifyChannel, DeliveryCounts>;
  readonly #told = new ToldRegister();
  #config: NotifyConfig;
  #routes: PlannedRoute[] = [];
  #outlets: ReadonlyMap<string, Outlet> = new Map();
  /** Of former configurations, with messages yet to deliver. */
  #retired: Outlet[] = [];

  constructor(config: NotifyConfig, options: NotifierOptions) {
    this.#options = options;
    this.#config = config;
    this.reconfigure(config);
  }

  /** Tells whom it concerns; returns at once and never throws. */
  notify(notification: Notification): void {
    try {
      for (const key of this.#outletsFor(notification)) this.#outlets.get(key)?.take(notification);
    } catch (error) {
      this.#options.log.error({ error: messageOf(error), target: notification.target }, 'notification failed');
    }
  }

  /** What changed begins anew; outlets that are no longer wanted deliver what they have. */
  reconfigure(config: NotifyConfig): void {
    const routes = planRoutes(config);
    const outlets = new Map<string, Outlet>();
    for (const { key, channel, config: own } of routes.flatMap((route) => route.outlets)) {
      if (!outlets.has(key)) outlets.set(key, this.#outlets.get(key) ?? this.#createOutlet(channel, own));
    }
    const unwanted = [...this.#outlets].filter(([key]) => !outlets.has(key)).map(([, outlet]) => outlet);
    for (const outlet of unwanted) outlet.flush();
    this.#retired = [...this.#retired, ...unwanted].filter(({ queued }) => queued > 0);
    this.#config = config;
    this.#routes = routes;
    this.#outlets = outlets;
  }

  /** Of notifications since start, by channel. */
  counts(): Readonly<Record<NotifyChannel, Readonly<DeliveryCounts>>> {
    return this.#counts;
  }

  status(): NotifierStatus {
    const outlets = [...this.#outlets.values()];
    return {
      channels: configuredChannels(this.#config),
      queued: [...outlets, ...this.#retired].reduce((sum, { queued }) => sum + queued, 0),
      errors: outlets.flatMap(({ channel, lastError }) =>
        lastError === undefined ? [] : [{ channel: channel.name, error: lastError }],
      ),
    };
  }

  /** Sends a test through every outlet at once, each tried a single time. `at` is clock milliseconds. */
  test(at: number): Promise<TestOutcome[]> {
    const notification = testNotification(at);
    return Promise.all(
      [...this.#outlets.values()].map(async (outlet): Promise<TestOutcome> => {
        const channel = outlet.channel.name;
        try {
          await outlet.tryOnce(notification);
          this.#counts[channel].ok++;
          return { channel, error: undefined };
        } catch (error) {
          this.#counts[channel].error++;
          return { channel, error: messageOf(error) };
        }
      }),
    );
  }

  /** Delivers what is queued once more at most, within two seconds. */
  async stop(): Promise<void> {
    await Promise.all([...this.#outlets.values(), ...this.#retired].map((outlet) => outlet.stop(STOP_GRACE_MS)));
  }

  #createOutlet(name: NotifyChannel, config: NotifyConfig[NotifyChannel]): Outlet {
    const { log, scheduler, env, apiUrl } = this.#options;
    return new Outlet({
      channel: createChannel(name, config, env, log),
      scheduler,
      log,
      counts: this.#counts[name],
      consoleUrl: () => this.#config.consoleUrl ?? apiUrl(),
    });
  }

  /** The end of an attack goes to those who heard of the attack; everything else by the routes. */
  #outletsFor(notification: Notification): Iterable<string> {
    const { event, attack } = notification;
    if (event === 'attack_ended' && attack !== undefined) {
      const told = this.#told.ofAttack(attack.id);
      this.#told.forget(attack.id);
      if (told !== undefined) return told;
    }
    const outlets = this.#routed(notification);
    if (event !== 'attack_ended' && attack !== undefined) this.#told.tell(attack.id, outlets);
    return outlets;
  }

  #routed(notification: Notification): Set<string> {
    const { event, target, at } = notification;
    const severity = severityOf(notification);
    const outlets = new Set<string>();
    for (const route of this.#routes) {
      if (!concerns(route, notification) || !isAtLeast(severity, route.minSeverity)) continue;
      for (const { key } of route.outlets) {
        if (!this.#told.isRecent(`${event} ${target} ${key}`, at, route.quietSeconds)) outlets.add(key);
      }
    }
    for (const key of outlets) this.#told.remember(`${event} ${target} ${key}`, at);
    return outlets;
  }
}
