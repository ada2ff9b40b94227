/*
 * Pauses and resumes all announcements for operators. It takes effect at once, and is stored so that it still holds
 * after a restart.
 */
import type { Pause } from '../api/daemonFacade.ts';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { PausableAnnouncer } from '../mitigation/announcer.ts';
import { operatorText } from '../mitigation/ban.ts';
import type { OperationalEvent } from '../operationalEvent.ts';

export interface PauseStore {
  savedPause(): Pause | undefined;
  /** Throws where it cannot be stored. */
  savePause(pause: Pause | undefined): void;
}

export interface PauseSwitchOptions {
  readonly announcer: PausableAnnouncer;
  readonly store: PauseStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Addresses of the GoBGP daemons, for people. */
  readonly gobgp: () => string;
  readonly onEvent: (event: OperationalEvent) => void;
}

export class PauseSwitch {
  readonly #options: PauseSwitchOptions;
  #pause: Pause | undefined;

  constructor(options: PauseSwitchOptions) {
    this.#options = options;
    this.#pause = options.store.savedPause();
  }

  /** Undefined while routes are announced. */
  state(): Pause | undefined {
    return this.#pause;
  }

  /** Withdraws every route and announces none. Where it is paused already, the first pause stays. */
  pause(by: string): Pause {
    const { announcer, clock } = this.#options;
    const before = this.#pause;
    const { unicast, flowspec } = announcer.counts();
    this.#pause ??= { since: clock.now(), by };
    announcer.pause();
    this.#save();
    if (before === undefined) {
      this.#report('paused', `by ${operatorText(by)}; withdrawn: ${routesText(unicast, flowspec)}`);
    }
    return this.#pause;
  }

  /** Announces the routes of all active bans again. */
  resume(by: string): void {
    const { announcer, clock } = this.#options;
    const before = this.#pause;
    this.#pause = undefined;
    this.#save();
    announcer.resume();
    if (before === undefined) return;
    const seconds = Math.round((clock.now() - before.since) / 1000);
    this.#report('resumed', `by ${operatorText(by)}; paused by ${operatorText(before.by)} for ${seconds} s`);
  }

  #report(kind: 'paused' | 'resumed', detail: string): void {
    const { clock, gobgp, onEvent } = this.#options;
    onEvent({ kind, at: clock.now(), subject: gobgp(), detail });
  }

  #save(): void {
    const { store, log } = this.#options;
    try {
      store.savePause(this.#pause);
    } catch (error) {
      log.error(
        { error: messageOf(error) },
        'cannot store whether announcements are paused: a restart will not know it',
      );
    }
  }
}

/** What was in GoBGP, as read back; a GoBGP that cannot be reached shows nothing. */
function routesText(unicast: number, flowspec: number): string {
  const routes = unicast === 0 ? [] : [`${unicast} ${unicast === 1 ? 'route' : 'routes'}`];
  const rules = flowspec === 0 ? [] : [`${flowspec} FlowSpec ${flowspec === 1 ? 'rule' : 'rules'}`];
  return [...routes, ...rules].join(' and ') || 'nothing, because no route was seen in GoBGP';
}
