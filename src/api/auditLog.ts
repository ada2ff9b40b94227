/*
 * The trail of every mutation, those that were refused included: who asked for what, and what came of it. Each is one
 * structured log line under the key `audit`, in the fields of the contract.
 */
import { toRfc3339 } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { BanState } from '../mitigation/ban.ts';
import type { Principal } from './authenticator.ts';

export type AuditAction = 'ban' | 'unban' | 'config_reload';

/** What came of a mutation. */
export interface AuditOutcome {
  readonly result: 'active' | 'rejected' | 'withdrawn' | 'ok' | 'error';
  readonly reason: string;
  readonly banState?: BanState;
  readonly dryRun?: boolean;
}

export interface AuditRequest {
  readonly action: AuditAction;
  /** Undefined where the request carried no valid token. */
  readonly asker: Principal | undefined;
  /** The address as the request wrote it; empty where it named none. */
  readonly target: string;
  /** Address of the client. */
  readonly client: string;
}

export class AuditLog {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  record(request: AuditRequest, outcome: AuditOutcome): void {
    const { action, asker, target, client } = request;
    const audit = {
      event_time: toRfc3339(Date.now()),
      action,
      result: outcome.result,
      operator: asker?.name ?? '',
      role: asker?.role ?? '',
      tenant: '',
      target,
      target_type: action === 'config_reload' ? 'config' : 'host',
      reason: outcome.reason,
      source: 'api',
      client,
      ban_state: outcome.banState ?? '',
      dry_run: outcome.dryRun,
    };
    const level = outcome.result === 'rejected' || outcome.result === 'error' ? 'warn' : 'info';
    this.#logger[level]({ audit }, `${action} ${target === '' ? '' : `${target} `}${outcome.result}`);
  }
}
