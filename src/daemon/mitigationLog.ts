/*
 * What the controller did, as log lines: the operator's record of the night.
 */
import { toRfc3339 } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { Ban } from '../mitigation/ban.ts';
import type { MitigationEvent } from '../mitigation/mitigationEvent.ts';
import { routeSummary } from '../mitigation/routeText.ts';

export function logMitigation(log: Logger, event: MitigationEvent): void {
  switch (event.kind) {
    case 'ban_started':
      log.warn(banFields(event.ban), event.ban.dryRun ? 'ban started (dry-run, nothing is announced)' : 'ban started');
      return;
    case 'ban_changed':
      log.warn(banFields(event.ban), 'ban changed');
      return;
    case 'fell_back':
      log.warn(banFields(event.ban), 'ban fell back');
      return;
    case 'ban_ended':
      log.info({ ...banFields(event.ban), reason: event.ban.reason }, 'ban ended');
      return;
    case 'ban_rejected':
      log.warn({ ...banFields(event.ban), guard: event.guard, reason: event.ban.reason }, 'ban refused');
      return;
    case 'ban_failed':
      log.error({ ...banFields(event.ban), reason: event.reason }, 'ban is not in GoBGP');
      return;
    case 'store_failed':
      log.error({ reason: event.reason }, 'bans cannot be saved; new ones are not announced until they can');
      return;
    case 'store_recovered':
      log.info({}, 'bans can be saved again');
      return;
  }
}

function banFields(ban: Ban): Record<string, unknown> {
  return {
    ban: ban.id,
    target: ban.targetText,
    group: ban.group,
    method: ban.method,
    route: routeSummary(ban),
    made_by: ban.madeBy,
    dry_run: ban.dryRun,
    fell_back_from: ban.fellBackFrom,
    fell_back_reason: ban.fellBackReason,
    expires_at: toRfc3339(ban.expiresAt),
  };
}
