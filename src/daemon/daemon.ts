/*
 * The wiring: builds every room, starts them in order and stops them in reverse. Nothing is decided here.
 *
 * The order of a start: the state file first (which routes did we announce?), then GoBGP is given the routes that are
 * still wanted, then telemetry is received, and only then does the API answer `ok`.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { AuditLog } from '../api/auditLog.ts';
import type { ReloadOutcome } from '../api/daemonFacade.ts';
import { ApiServer } from '../api/server.ts';
import { SystemClock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { configWarnings } from '../config/warnings.ts';
import { type EnginePlan, planOf } from '../engine/enginePlan.ts';
import { messageOf } from '../errors.ts';
import { AnnouncerGroup } from '../gobgp/announcerGroup.ts';
import { GobgpAnnouncer } from '../gobgp/gobgpAnnouncer.ts';
import { DetectionCycle } from '../incidents/detectionCycle.ts';
import { ReceiverPool } from '../ingest/receiverPool.ts';
import type { Logger } from '../log.ts';
import { DryRunAnnouncer, PausableAnnouncer } from '../mitigation/announcer.ts';
import { Notifier } from '../notify/notifier.ts';
import { SystemScheduler } from '../notify/scheduler.ts';
import { type GobgpIdentity, identityProblem, withAsn } from '../storage/gobgpIdentity.ts';
import { SqliteBanStore } from '../storage/sqliteBanStore.ts';
import { StateFileError } from '../storage/stateDirectory.ts';
import { ConfigReloader } from './configReloader.ts';
import { DetectionLoop } from './detectionLoop.ts';
import { EarlierAttacks } from './earlierAttacks.ts';
import { EventPublisher } from './eventPublisher.ts';
import { Facade } from './facade.ts';
import { HistoryFeed } from './historyFeed.ts';
import { OperationalMonitor } from './operationalWatch.ts';
import { PauseSwitch } from './pauseSwitch.ts';

/** With `ban.on_shutdown: withdraw`, a stop waits this long for GoBGP to withdraw the routes. */
const WITHDRAW_TIMEOUT_MS = 5000;

/** A wall clock that differs by this much was set. A smaller difference is NTP's normal correction. */
const CLOCK_STEP_MS = 1000;
const CLOCK_CHECK_MS = 1000;

export interface DaemonOptions {
  readonly logger: Logger;
  readonly env: NodeJS.ProcessEnv;
  /** Called once when the daemon cannot continue. The caller stops it and ends the process with an error. */
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
  readonly #pause: PauseSwitch;
  readonly #cycle: DetectionCycle;
  readonly #pool: ReceiverPool;
  readonly #loop: DetectionLoop;
  readonly #earlierAttacks: EarlierAttacks;
  readonly #publisher: EventPublisher;
  readonly #monitor: OperationalMonitor;
  readonly #audit: AuditLog;
  readonly #api: ApiServer;
  readonly #reloader: ConfigReloader;
  #config: Config;
  /** The state file does not know what was announced before. */
  #isStateNew = false;
  /** Clock milliseconds. */
  #runningSince: number;
  /** Empty until it listens. */
  #apiUrl = '';
  #clockTimer: NodeJS.Timeout | undefined;
  #failed = false;
  #stopped: Promise<void> | undefined;

  /** Opens the state file; throws where it is damaged or another daemon uses it. Starts nothing. */
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
    this.#announcers = new AnnouncerGroup(config.gobgp.addresses.map((address) => this.#announcerFor(address)));
    const dryRunAnnouncer = new DryRunAnnouncer(this.#announcers);
    const announcer = new PausableAnnouncer(this.#announcers, this.#store.savedPause() !== undefined);
    this.#pause = new PauseSwitch({
      announcer,
      store: this.#store,
      clock: this.#clock,
      log: this.#log,
      gobgp: () => this.#config.gobgp.addresses.join(', '),
      onEvent: (event) => this.#publisher.operational(event),
    });
    this.#cycle = new DetectionCycle({
      config,
      plan,
      store: this.#store,
      announcer,
      dryRunAnnouncer,
      newId: randomUUID,
      onEvent: (event) => this.#publisher.incident(event),
      onFailure: (error) => this.fail(error),
      bgpEndpoints: () => this.#announcers.bgpEndpoints(),
    });
    this.#pool = new ReceiverPool(config, plan, this.#clock, {
      onReport: (worker, report) => this.#loop.receive(worker, report),
      onLog: (line) => this.#log[line.level](line.fields, line.message),
      onFailure: (error) => this.fail(error),
    });
    this.#history = new HistoryFeed({
      config: () => this.#config,
      clock: this.#clock,
      pool: this.#pool,
      log: this.#log,
    });
    this.#earlierAttacks = new EarlierAttacks(this.#history, this.#log);
    this.#runningSince = this.#clock.now();
    this.#publisher = new EventPublisher({
      config: () => this.#config,
      runningSince: () => this.#runningSince,
      log: this.#log,
      history: this.#history,
      notifier: this.#notifier,
      announcer,
    });
    this.#monitor = new OperationalMonitor({
      config: () => this.#config,
      clock: this.#clock,
      announcers: this.#announcers,
      pool: this.#pool,
      onEvent: (event) => this.#publisher.operational(event),
    });
    this.#loop = new DetectionLoop({
      cycle: this.#cycle,
      pool: this.#pool,
      clock: this.#clock,
      log: this.#log,
      onFailure: (error) => this.fail(error),
    });
    this.facade = new Facade({
      config: () => this.#config,
      clock: this.#clock,
      cycle: this.#cycle,
      pool: this.#pool,
      announcers: this.#announcers,
      announcer,
      dryRunAnnouncer,
      pause: this.#pause,
      notifier: this.#notifier,
      history: this.#history,
      earlierAttacks: this.#earlierAttacks,
      reload: () => this.reload(),
    });
    this.#audit = new AuditLog(this.#log, this.#history);
    this.#reloader = new ConfigReloader({
      config: () => this.#config,
      env: options.env,
      clock: this.#clock,
      log: this.#log,
      audit: this.#audit,
      apply: (next) => this.#apply(next),
    });
    const { listen, tokens, allowUnauthenticated } = config.api;
    this.#api = new ApiServer(this.facade, {
      ...{ listen, tokens, allowUnauthenticated },
      logger: this.#log,
      clock: this.#clock,
      audit: this.#audit,
    });
  }

  /** Rejects where an address cannot be bound. Then everything that was started is already stopped again. */
  async start(): Promise<void> {
    const started = Promise.withResolvers<void>();
    this.#reloader.waitFor(started.promise);
    try {
      this.#cycle.restore(this.#clock.now());
      this.#announcers.start();
      // Side by side: the API opens its socket while the receiving threads load. Where one fails, the other is stopped
      // only when it has started.
      const [serving, receiving] = await Promise.allSettled([this.#serve(), this.#pool.start()]);
      if (serving.status === 'rejected') throw serving.reason;
      if (receiving.status === 'rejected') throw receiving.reason;
    } catch (error) {
      await this.stop();
      throw error;
    } finally {
      started.resolve();
    }
    this.#loop.start();
    this.#history.start();
    this.#monitor.start();
    void this.#earlierAttacks.load();
    this.#clockTimer = setInterval(() => this.#followWallClock(), CLOCK_CHECK_MS);
    this.facade.becomeReady();
    const pause = this.#pause.state();
    if (pause !== undefined)
      this.#log.warn({ by: pause.by }, 'announcements are paused since before the restart; "kapkan resume" ends that');
    const mode = this.#config.dryRun ? 'dry-run: nothing is announced' : 'live: routes are announced';
    this.#warnOfConfig();
    this.#log.info({ ...this.addresses(), mode, networks: this.#config.networks.length }, 'Kapkan is running');
  }

  async #serve(): Promise<void> {
    await this.#api.start();
    this.#apiUrl = reachableUrl(this.#api.url());
    this.#saveApiUrl();
  }

  /** The addresses it listens on, with the real ports. */
  addresses(): { readonly api: string; readonly telemetry: readonly string[] } {
    return { api: this.#api.url(), telemetry: this.#pool.boundAddresses() };
  }

  /** Stops in the reverse order of the start. May be called at any time, more than once. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#reloader.stop();
    clearInterval(this.#clockTimer);
    this.#monitor.stop();
    this.#loop.stop();
    await this.#pool.stop();
    // Before the last decision: a ban made after it would never be ended.
    await this.#api.stop();
    await this.#endBans();
    await this.#announcers.stop();
    await this.#notifier.stop();
    this.#earlierAttacks.stop();
    await this.#history.stop();
    this.#store.close();
  }

  /** Does what `ban.on_shutdown` says, also after an error. */
  async #endBans(): Promise<void> {
    const { onShutdown } = this.#config.ban;
    try {
      this.#cycle.controller.shutdown(this.#clock.now(), onShutdown);
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, 'the bans could not be ended');
    }
    if (onShutdown === 'keep') return;
    // After an error in a decision no ban can be ended any more, but the routes can be withdrawn all the same.
    this.#announcers.setWanted(new Map());
    if (await this.#announcers.whenSettled(WITHDRAW_TIMEOUT_MS)) return;
    this.#log.error({}, 'not every route was withdrawn; run "kapkan withdraw --all" when GoBGP is back');
  }

  /** Reloads the config file, see ConfigReloader. */
  reload(): Promise<ReloadOutcome> {
    return this.#reloader.reload();
  }

  reloadBySignal(signal: NodeJS.Signals): Promise<void> {
    return this.#reloader.reloadBySignal(signal);
  }

  async #apply(next: Config): Promise<void> {
    const plan = this.#planFor(next);
    this.#config = next;
    // Before the threads know: routes of a whitelisted address or a removed network are withdrawn at once.
    this.#cycle.reconfigure(next, plan, this.#clock.now());
    this.#notifier.reconfigure(next.notify);
    this.#api.setTokens(next.api.tokens, next.api.allowUnauthenticated);
    await this.#pool.reconfigure(next, plan);
    this.#warnOfConfig();
  }

  #warnOfConfig(): void {
    for (const { path, message } of configWarnings(this.#config)) {
      this.#log.warn({ key: path, problem: message }, 'the config says what can hardly be meant');
    }
  }

  /** The stored bans must have been announced to the GoBGP of this config, or their routes would not be found. */
  #checkIdentity(): void {
    const { instanceId, addresses } = this.#config.gobgp;
    const saved = this.#store.savedIdentity();
    this.#isStateNew = saved === undefined;
    const identity = { instanceId, addresses, asns: saved?.asns ?? [] };
    const active = this.#store.loadActive().filter((ban) => !ban.dryRun);
    const problem = identityProblem(saved, identity, active.length);
    if (problem !== undefined) {
      this.#store.close();
      throw new StateFileError('unreadable', problem);
    }
    this.#saveIdentity(identity);
  }

  #saveIdentity(identity: GobgpIdentity): void {
    try {
      this.#store.saveIdentity(identity);
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, 'cannot store the address of the GoBGP that has the routes');
    }
  }

  /** The mark of the routes has this ASN, so they are found only while it is known. */
  #rememberAsn(asn: number): void {
    const saved = this.#store.savedIdentity();
    if (saved !== undefined) this.#saveIdentity(withAsn(saved, asn));
  }

  #saveApiUrl(): void {
    try {
      this.#store.saveApiUrl(localUrl(this.#api.url()));
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, 'cannot store where the API is');
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
      formerAsns: this.#store.savedIdentity()?.asns,
      onAsn: (asn) => this.#rememberAsn(asn),
      knownKeys: () => this.#cycle.controller.ownedKeys(),
      isStateNew: this.#isStateNew,
      // In dry-run, a live Kapkan may share GoBGP and the mark, so only routes in our own store are removed.
      // A route that may belong to a damaged ban stays until that ban would have ended, unless all routes are to go.
      withdrawOrphans: (key) =>
        (!this.#config.dryRun || this.#cycle.controller.ownedKeys().has(key)) &&
        (this.#pause.state() !== undefined || !this.#store.protectsRoute(key)),
    });
  }

  #followWallClock(): void {
    const step = this.#clock.wallClockStepMs();
    if (Math.abs(step) < CLOCK_STEP_MS) return;
    this.#clock.followWallClock();
    this.#runningSince += step;
    this.#monitor.clockStepped(step);
    this.#cycle.clockStepped(step, this.#clock.now());
    this.#log.warn({ step_ms: Math.round(step) }, 'the wall clock was set; expiries were moved with it');
  }

  /** Says that the daemon cannot continue; the caller then stops it. */
  fail(error: Error): void {
    if (this.#failed) return;
    this.#failed = true;
    const routes = this.#config.ban.onShutdown === 'keep' ? 'its routes stay in GoBGP' : 'its routes are withdrawn';
    this.#log.fatal({ error: messageOf(error), stack: error.stack }, `Kapkan stops because of an error; ${routes}`);
    this.#options.onFatal(error);
  }
}

/** A listener on every address, as this machine itself reaches it. */
function localUrl(listening: string): string {
  return listening.replace(/^http:\/\/0\.0\.0\.0/, 'http://127.0.0.1').replace(/^http:\/\/\[::\]/, 'http://[::1]');
}

/** A listener on all addresses is reached by this machine's name. */
function reachableUrl(listening: string): string {
  return listening.replace(/^http:\/\/(0\.0\.0\.0|\[::\])/, `http://${hostname()}`);
}
