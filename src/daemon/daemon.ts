/*
 * The wiring: every room is built inert, started in order and stopped in reverse. Nothing is decided here.
 *
 * The order of a start is the order of trust: the state file first (what did we announce?), then GoBGP is told what is
 * still wanted, then telemetry is let in, and only then does the API say `ok`.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { AuditLog } from '../api/auditLog.ts';
import type { ReloadOutcome } from '../api/daemonFacade.ts';
import { ApiServer } from '../api/server.ts';
import { SystemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { reloadProblems } from '../config/reload.ts';
import { type EnginePlan, planOf } from '../engine/enginePlan.ts';
import { ConfigError, formatConfigProblem, messageOf } from '../errors.ts';
import { AnnouncerGroup } from '../gobgp/announcerGroup.ts';
import { GobgpAnnouncer } from '../gobgp/gobgpAnnouncer.ts';
import { DetectionCycle } from '../incidents/detectionCycle.ts';
import type { IncidentEvent } from '../incidents/incidentEvent.ts';
import { ReceiverPool } from '../ingest/receiverPool.ts';
import type { Logger } from '../log.ts';
import { DryRunAnnouncer } from '../mitigation/dryRunAnnouncer.ts';
import { notificationOf } from '../notify/notificationOf.ts';
import { Notifier } from '../notify/notifier.ts';
import { SystemScheduler } from '../notify/scheduler.ts';
import { identityProblem } from '../storage/gobgpIdentity.ts';
import { SqliteBanStore } from '../storage/sqliteBanStore.ts';
import { StateFileError } from '../storage/stateFileError.ts';
import { DetectionLoop } from './detectionLoop.ts';
import { EarlierAttacks } from './earlierAttacks.ts';
import { Facade } from './facade.ts';
import { HistoryFeed } from './historyFeed.ts';
import { logIncident } from './incidentLog.ts';

/** How long a stop waits for GoBGP to have withdrawn what `ban.on_shutdown: withdraw` asks. */
const WITHDRAW_TIMEOUT_MS = 5000;

/** The wall clock is followed when it is this far off; less is NTP at work. */
const CLOCK_STEP_MS = 1000;
const CLOCK_CHECK_MS = 1000;

export interface DaemonOptions {
  readonly logger: Logger;
  readonly env: NodeJS.ProcessEnv;
  /** Called once when the daemon cannot go on; it should be stopped, and the process end with an error. */
  readonly onFatal: (error: Error) => void;
}

export class Daemon {
  readonly facade: Facade;
  readonly #options: DaemonOptions;
  readonly #log: Logger;
  readonly #clock = new SystemClock();
  readonly #hashSeed = randomBytes(4).readUInt32LE();
  readonly #store: SqliteBanStore;
  readonly #notifier: Notifier;
  readonly #history: HistoryFeed;
  readonly #announcers: AnnouncerGroup;
  readonly #cycle: DetectionCycle;
  readonly #pool: ReceiverPool;
  readonly #loop: DetectionLoop;
  readonly #earlierAttacks: EarlierAttacks;
  readonly #audit: AuditLog;
  readonly #api: ApiServer;
  #config: Config;
  /** Empty until it listens. */
  #apiUrl = '';
  #clockTimer: NodeJS.Timeout | undefined;
  #reloading: Promise<unknown> = Promise.resolve();
  #failed = false;
  #stopped: Promise<void> | undefined;

  /** Opens the state file; throws where it cannot be trusted or another daemon holds it. Starts nothing. */
  constructor(config: Config, options: DaemonOptions) {
    this.#config = config;
    this.#options = options;
    this.#log = options.logger;
    const plan = this.#planFor(config);
    this.#store = new SqliteBanStore(config.storage.path, this.#clock);
    for (const warning of this.#store.warnings) this.#log.error({}, warning);
    this.#checkIdentity();
    this.#notifier = new Notifier(config.notify, {
      log: this.#log,
      scheduler: new SystemScheduler(),
      env: options.env,
      apiUrl: () => this.#apiUrl,
    });
    const dryRunAnnouncer = new DryRunAnnouncer();
    this.#announcers = new AnnouncerGroup(config.gobgp.addresses.map((address) => this.#announcerFor(address)));
    this.#cycle = new DetectionCycle({
      config,
      plan,
      store: this.#store,
      announcer: this.#announcers,
      dryRunAnnouncer,
      newId: randomUUID,
      onEvent: (event) => this.#publish(event),
      onFailure: (error) => this.#fail(error),
      bgpEndpoints: () => this.#announcers.bgpEndpoints(),
    });
    this.#pool = new ReceiverPool(config, plan, this.#clock, {
      onReport: (worker, report) => this.#loop.receive(worker, report),
      onLog: (line) => this.#log[line.level](line.fields, line.message),
      onFailure: (error) => this.#fail(error),
    });
    this.#history = new HistoryFeed({
      config: () => this.#config,
      clock: this.#clock,
      pool: this.#pool,
      log: this.#log,
    });
    this.#earlierAttacks = new EarlierAttacks(this.#history, this.#log);
    this.#loop = new DetectionLoop({
      cycle: this.#cycle,
      pool: this.#pool,
      clock: this.#clock,
      log: this.#log,
      onFailure: (error) => this.#fail(error),
    });
    this.facade = new Facade({
      config: () => this.#config,
      clock: this.#clock,
      cycle: this.#cycle,
      pool: this.#pool,
      announcers: this.#announcers,
      dryRunAnnouncer,
      notifier: this.#notifier,
      history: this.#history,
      earlierAttacks: this.#earlierAttacks,
      reload: () => this.reload(),
    });
    this.#audit = new AuditLog(this.#log, this.#history);
    const { listen, tokens, allowUnauthenticated } = config.api;
    this.#api = new ApiServer(this.facade, {
      ...{ listen, tokens, allowUnauthenticated },
      logger: this.#log,
      clock: this.#clock,
      audit: this.#audit,
    });
  }

  /** Rejects where an address cannot be bound; then everything that was started has been stopped again. */
  async start(): Promise<void> {
    // A reload waits until there are threads to tell of it.
    const started = Promise.withResolvers<void>();
    this.#reloading = started.promise;
    try {
      this.#cycle.restore(this.#clock.now());
      this.#announcers.start();
      await this.#api.start();
      this.#apiUrl = reachableUrl(this.#api.url());
      await this.#pool.start();
    } catch (error) {
      await this.stop();
      throw error;
    } finally {
      started.resolve();
    }
    this.#loop.start();
    this.#history.start();
    void this.#earlierAttacks.load();
    this.#clockTimer = setInterval(() => this.#followWallClock(), CLOCK_CHECK_MS);
    this.facade.becomeReady();
    const mode = this.#config.dryRun ? 'dry-run: nothing is announced' : 'live: routes are announced';
    this.#log.info({ ...this.addresses(), mode, networks: this.#config.networks.length }, 'Kapkan is running');
  }

  /** Where it listens, ports resolved. */
  addresses(): { readonly api: string; readonly telemetry: readonly string[] } {
    return { api: this.#api.url(), telemetry: this.#pool.boundAddresses() };
  }

  /** Stops in the reverse order of the start. May be called at any time, more than once. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    clearInterval(this.#clockTimer);
    this.#loop.stop();
    await this.#pool.stop();
    // Before the last decision: a ban that came after it would be announced with nobody left to end it.
    await this.#api.stop();
    const withdraws = this.#config.ban.onShutdown === 'withdraw' && !this.#failed;
    this.#cycle.controller.shutdown(this.#clock.now(), withdraws ? 'withdraw' : 'keep');
    if (withdraws && !(await this.#announcers.whenSettled(WITHDRAW_TIMEOUT_MS))) {
      this.#log.error({}, 'not every route could be withdrawn; "kapkan withdraw --all" does it once GoBGP is back');
    }
    await this.#announcers.stop();
    await this.#notifier.stop();
    this.#earlierAttacks.stop();
    await this.#history.stop();
    this.#store.close();
  }

  /** Reads the config file again and applies it, whole or not at all. One reload at a time. */
  reload(): Promise<ReloadOutcome> {
    const next = this.#reloading.then(() => this.#reload());
    this.#reloading = next.catch(() => undefined);
    return next;
  }

  /** A reload that a signal asks for; like every change that somebody asks for, it goes into the audit. */
  async reloadBySignal(signal: NodeJS.Signals): Promise<void> {
    let reason = 'internal error';
    let outcome: ReloadOutcome | undefined;
    try {
      outcome = await this.reload();
      reason = outcome.reloaded ? '' : `not reloaded: ${outcome.errors.join('; ')}`;
    } finally {
      this.#audit.record({
        eventTime: this.#clock.now(),
        action: 'config_reload',
        result: outcome?.reloaded === true ? 'ok' : 'error',
        operator: signal,
        role: '',
        tenant: '',
        target: '',
        targetType: 'config',
        reason,
        source: 'signal',
        client: '',
        code: '',
        banState: '',
        dryRun: this.#config.dryRun,
      });
    }
  }

  async #reload(): Promise<ReloadOutcome> {
    if (this.#stopped !== undefined) return this.#refuseReload(['Kapkan is stopping']);
    let next: Config;
    try {
      next = loadConfig(this.#config.file, this.#options.env);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return this.#refuseReload(error.problems.map(formatConfigProblem));
    }
    const problems = reloadProblems(this.#config, next);
    if (problems.length > 0) return this.#refuseReload(problems);
    const plan = this.#planFor(next);
    const before = this.#config;
    this.#config = next;
    // Before the threads are told: a whitelisted address or a removed network is out of the RIB at once.
    this.#cycle.reconfigure(next, plan, this.#clock.now());
    this.#notifier.reconfigure(next.notify);
    this.#api.setTokens(next.api.tokens, next.api.allowUnauthenticated);
    await this.#pool.reconfigure(next, plan);
    this.#log.info({ dry_run: next.dryRun, was_dry_run: before.dryRun }, 'config reloaded');
    return { reloaded: true, dryRun: next.dryRun };
  }

  #refuseReload(errors: readonly string[]): ReloadOutcome {
    this.#log.error({ errors }, 'reload refused, the running config stays');
    return { reloaded: false, errors };
  }

  /** The bans in the store must have been announced where this config leads, or nobody would find their routes. */
  #checkIdentity(): void {
    const { instanceId, addresses } = this.#config.gobgp;
    const identity = { instanceId, addresses, asn: undefined };
    const active = this.#store.loadActive().filter((ban) => !ban.dryRun);
    const problem = identityProblem(this.#store.savedIdentity(), identity, active.length);
    if (problem !== undefined) {
      this.#store.close();
      throw new StateFileError('unreadable', problem);
    }
    try {
      this.#store.saveIdentity(identity);
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, 'cannot store which GoBGP is announced to');
    }
  }

  #planFor(config: Config): EnginePlan {
    return planOf(config, config.ingest.workers, this.#hashSeed);
  }

  #announcerFor(address: string): GobgpAnnouncer {
    return new GobgpAnnouncer({
      address,
      gobgp: this.#config.gobgp,
      clock: this.#clock,
      log: this.#log,
      // In dry-run a live Kapkan may share GoBGP and the mark: only what our own store knows is ours to remove.
      // A route that may be of a damaged ban stays until that ban would have ended.
      withdrawOrphans: (key) =>
        (!this.#config.dryRun || this.#cycle.controller.ownedKeys().has(key)) && !this.#store.protectsRoute(key),
    });
  }

  #followWallClock(): void {
    const step = this.#clock.wallClockStepMs();
    if (Math.abs(step) < CLOCK_STEP_MS) return;
    this.#clock.followWallClock();
    this.#cycle.clockStepped(step, this.#clock.now());
    this.#log.warn({ step_ms: Math.round(step) }, 'the wall clock was set; expiries moved with it');
  }

  /** Everything that happens to attacks and bans passes here, in order. */
  #publish(event: IncidentEvent): void {
    const listeners = [
      () => logIncident(this.#log, event),
      () => this.#history.incident(event),
      () => {
        const notification = notificationOf(event, this.#config);
        if (notification !== undefined) this.#notifier.notify(notification);
      },
    ];
    for (const listener of listeners) {
      try {
        listener();
      } catch (error) {
        // A listener decides nothing, so a bug in it must not end the protection.
        this.#log.error({ error: messageOf(error), event: event.kind }, 'an event could not be passed on');
      }
    }
  }

  /** Whatever the config says of a shutdown, the routes stay: what was decided last may still be needed. */
  #fail(error: Error): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#log.fatal({ error: messageOf(error) }, 'Kapkan cannot go on and stops; its routes stay in GoBGP');
    this.#options.onFatal(error);
  }
}

/** A listener that takes every address is reached under this machine's name. */
function reachableUrl(listening: string): string {
  return listening.replace(/^http:\/\/(0\.0\.0\.0|\[::\])/, `http://${hostname()}`);
}
