/*
 * Passes incident events and operational events on to the log, history and notifications, in order.
 */
import type { Config } from '../config/config.ts';
import { messageOf } from '../errors.ts';
import type { IncidentEvent } from '../incidents/incidentEvent.ts';
import type { Logger } from '../log.ts';
import type { Announcer } from '../mitigation/announcer.ts';
import type { Ban } from '../mitigation/ban.ts';
import { routeKey } from '../mitigation/route.ts';
import { notificationsOf } from '../notify/notificationOf.ts';
import type { Notifier } from '../notify/notifier.ts';
import type { OperationalEvent } from '../operationalEvent.ts';
import { type RibEvidenceJson, ribEvidenceJson } from '../shapes/banJson.ts';
import type { HistoryFeed } from './historyFeed.ts';
import { logIncident, logOperation } from './incidentLog.ts';

export interface EventPublisherOptions {
  /** The config in force. */
  readonly config: () => Config;
  /** When the daemon started, in clock milliseconds. */
  readonly runningSince: () => number;
  readonly log: Logger;
  readonly history: Pick<HistoryFeed, 'incident'>;
  readonly notifier: Pick<Notifier, 'notify'>;
  readonly announcer: Pick<Announcer, 'evidence'>;
}

export class EventPublisher {
  readonly #options: EventPublisherOptions;

  constructor(options: EventPublisherOptions) {
    this.#options = options;
  }

  incident(event: IncidentEvent): void {
    this.#each(event, [
      () => logIncident(this.#options.log, event),
      () => this.#options.history.incident(event),
      () => this.#notify(event),
    ]);
  }

  operational(event: OperationalEvent): void {
    this.#each(event, [() => logOperation(this.#options.log, event), () => this.#notify(event)]);
  }

  #notify(event: IncidentEvent | OperationalEvent): void {
    const { config, runningSince, notifier } = this.#options;
    const context = { config: config(), runningSince: runningSince(), ribOf: (ban: Ban) => this.#ribOf(ban) };
    for (const notification of notificationsOf(event, context)) notifier.notify(notification);
  }

  #ribOf({ state, dryRun, routes }: Ban): RibEvidenceJson | undefined {
    if (state !== 'active' || dryRun || routes.length === 0) return undefined;
    return ribEvidenceJson(routes.map((route) => this.#options.announcer.evidence(routeKey(route))));
  }

  #each({ kind }: { readonly kind: string }, listeners: readonly (() => void)[]): void {
    for (const listener of listeners) {
      try {
        listener();
      } catch (error) {
        // A listener decides nothing, so a bug in it must not stop the daemon.
        this.#options.log.error({ error: messageOf(error), event: kind }, 'a listener failed on an event');
      }
    }
  }
}
