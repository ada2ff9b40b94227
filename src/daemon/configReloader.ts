/*
 * Reloads the config: reads the file again, checks it, and applies it completely or not at all. One reload at a time.
 */
import type { ReloadOutcome } from '../api/daemonFacade.ts';
import type { AuditSink } from '../auditEvent.ts';
import type { Clock } from '../clock.ts';
import { type Config, reloadProblems } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { ConfigError, formatConfigProblem } from '../errors.ts';
import type { Logger } from '../log.ts';

export interface ConfigReloaderOptions {
  /** The config in force. */
  readonly config: () => Config;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly log: Logger;
  readonly audit: AuditSink;
  /** Puts a config in force that was found valid. */
  readonly apply: (next: Config) => Promise<void>;
}

export class ConfigReloader {
  readonly #options: ConfigReloaderOptions;
  #last: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  constructor(options: ConfigReloaderOptions) {
    this.#options = options;
  }

  /** Reloads when all earlier reloads are done. */
  reload(): Promise<ReloadOutcome> {
    const next = this.#last.then(() => this.#reload());
    this.#last = next.catch(() => undefined);
    return next;
  }

  /** Reloads on a signal. The API audits its own requests; this one is audited here. */
  async reloadBySignal(signal: NodeJS.Signals): Promise<void> {
    const { audit, clock, config } = this.#options;
    let reason = 'internal error';
    let outcome: ReloadOutcome | undefined;
    try {
      outcome = await this.reload();
      reason = outcome.reloaded ? '' : `not reloaded: ${outcome.errors.join('; ')}`;
    } finally {
      audit.record({
        eventTime: clock.now(),
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
        dryRun: config().dryRun,
      });
    }
  }

  /** Reloads wait for this: before the start has ended, there are no threads to reconfigure. */
  waitFor(start: Promise<unknown>): void {
    this.#last = start;
  }

  /** From now on every reload is refused. */
  stop(): void {
    this.#isStopped = true;
  }

  async #reload(): Promise<ReloadOutcome> {
    if (this.#isStopped) return this.#refuse(['Kapkan is stopping']);
    const before = this.#options.config();
    let next: Config;
    try {
      next = loadConfig(before.file, this.#options.env);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return this.#refuse(error.problems.map(formatConfigProblem));
    }
    const problems = reloadProblems(before, next);
    if (problems.length > 0) return this.#refuse(problems);
    await this.#options.apply(next);
    this.#options.log.info({ dry_run: next.dryRun, was_dry_run: before.dryRun }, 'config reloaded');
    return { reloaded: true, dryRun: next.dryRun };
  }

  #refuse(errors: readonly string[]): ReloadOutcome {
    this.#options.log.error({ errors }, 'reload refused, the running config stays in force');
    return { reloaded: false, errors };
  }
}
