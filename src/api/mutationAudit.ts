/*
 * Makes an audit event of every mutation request, also of refused ones.
 *
 * A client without a token can send endless requests. For each address a burst of them is recorded and then one a
 * second, so that they cannot push other rows out of the audit; the last row of the burst says so.
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

/** User agent of Kapkan's own commands, before the version. */
export const CLI_USER_AGENT = 'kapkan-cli';

/** Longer than any address. */
const MAX_TARGET_LENGTH = 64;

const TARGET_TYPES: Readonly<Record<AuditAction, AuditEvent['targetType']>> = {
  ban: 'host',
  unban: 'host',
  config_reload: 'config',
  notify_test: 'notify',
  pause: 'announcements',
  resume: 'announcements',
};

export interface Mutation {
  readonly action: AuditAction;
  /** Undefined where the request carried no valid token. */
  readonly principal: Principal | undefined;
  readonly body: unknown;
  readonly context: Context;
}

export class MutationAudit {
  readonly #daemon: DaemonFacade;
  readonly #clock: Clock;
  readonly #sink: AuditSink;
  readonly #withoutToken = new FailureLimiter();

  constructor({ daemon, clock, audit }: { daemon: DaemonFacade; clock: Clock; audit: AuditSink }) {
    this.#daemon = daemon;
    this.#clock = clock;
    this.#sink = audit;
  }

  record({ action, principal, body, context }: Mutation, outcome: MutationOutcome): void {
    const now = this.#clock.now();
    const verdict = principal === undefined ? this.#withoutToken.fail(context.ip, now) : undefined;
    if (verdict === 'spent') return;
    const more = verdict === 'last' ? '; from now on only one such request a second from this address is recorded' : '';
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

/** The address in a request, in canonical form; the beginning of the text where it is not an address. */
function targetOf(body: unknown): string {
  if (typeof body !== 'object' || body === null || !('ip' in body) || typeof body.ip !== 'string') return '';
  const address = parseAddress(body.ip);
  return address === undefined ? body.ip.slice(0, MAX_TARGET_LENGTH) : formatAddress(address);
}
