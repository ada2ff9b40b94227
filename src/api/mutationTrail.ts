/*
 * Makes an audit event of every request that would change something, whatever came of it.
 *
 * Whoever has no token can send such requests without end. Of these, an address gets a burst of rows and then one a
 * second, so that nobody can wash the trail away; the last row of the burst says so.
 */
import type { Context } from 'koa';
import type { AuditAction, AuditEvent, AuditSink } from '../auditEvent.ts';
import type { Clock } from '../clock.ts';
import { formatAddress, parseAddress } from '../net/address.ts';
import type { Principal } from './authenticator.ts';
import type { DaemonFacade } from './daemonFacade.ts';
import type { MutationOutcome } from './endpoint.ts';
import { FailureLimiter } from './failureLimiter.ts';
import { tenantOfTarget } from './tenantFilter.ts';

/** How Kapkan's own commands introduce themselves, before their version. */
export const CLI_USER_AGENT = 'kapkan-cli';

/** Longer than any address. */
const MAX_TARGET_LENGTH = 64;

const TARGET_TYPES: Readonly<Record<AuditAction, AuditEvent['targetType']>> = {
  ban: 'host',
  unban: 'host',
  config_reload: 'config',
  notify_test: 'notify',
};

export interface Mutation {
  readonly action: AuditAction;
  /** Undefined where the request carried no valid token. */
  readonly principal: Principal | undefined;
  readonly body: unknown;
  readonly context: Context;
}

export class MutationTrail {
  readonly #daemon: DaemonFacade;
  readonly #clock: Clock;
  readonly #sink: AuditSink;
  readonly #strangers = new FailureLimiter();

  constructor({ daemon, clock, audit }: { daemon: DaemonFacade; clock: Clock; audit: AuditSink }) {
    this.#daemon = daemon;
    this.#clock = clock;
    this.#sink = audit;
  }

  leave({ action, principal, body, context }: Mutation, outcome: MutationOutcome): void {
    const now = this.#clock.now();
    const verdict = principal === undefined ? this.#strangers.fail(context.ip, now) : undefined;
    if (verdict === 'spent') return;
    const more = verdict === 'last' ? '; of more such requests from this address only one a second is recorded' : '';
    const config = this.#daemon.config();
    const target = targetOf(body);
    this.#sink.record({
      eventTime: now,
      action,
      result: outcome.result,
      operator: principal?.name ?? '',
      role: principal?.role ?? '',
      tenant: principal?.tenant ?? tenantOfTarget(config, target) ?? '',
      target,
      targetType: TARGET_TYPES[action],
      reason: outcome.reason + more,
      code: outcome.code ?? '',
      source: context.get('User-Agent').startsWith(`${CLI_USER_AGENT}/`) ? 'cli' : 'api',
      client: context.ip,
      banState: outcome.banState ?? '',
      dryRun: outcome.dryRun ?? config.dryRun,
    });
  }
}

/** The address that a request names, canonical where it is one, else the beginning of what it wrote. */
function targetOf(body: unknown): string {
  if (typeof body !== 'object' || body === null || !('ip' in body) || typeof body.ip !== 'string') return '';
  const address = parseAddress(body.ip);
  return address === undefined ? body.ip.slice(0, MAX_TARGET_LENGTH) : formatAddress(address);
}
