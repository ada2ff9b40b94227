/*
 * Incident events and operational events as log lines.
 */
import { toRfc3339 } from '../clock.ts';
import { eventDetail, type IncidentEvent, type IncidentEventKind, isAttackEvent } from '../incidents/incidentEvent.ts';
import type { Logger } from '../log.ts';
import type { Ban } from '../mitigation/ban.ts';
import { routeSummary } from '../mitigation/route.ts';
import type { OperationalEvent, OperationalEventKind } from '../operationalEvent.ts';

const INCIDENT_LINES: {
  readonly [kind in IncidentEventKind]: readonly [level: 'info' | 'warn' | 'error', message: string];
} = {
  attack_started: ['warn', 'attack started'],
  attack_updated: ['warn', 'attack goes on'],
  attack_ended: ['info', 'attack ended'],
  ban_started: ['warn', 'ban started'],
  ban_changed: ['warn', 'ban changed'],
  ban_unconfirmed: ['warn', "ban is not in GoBGP's RIB yet"],
  ban_confirmed: ['info', "ban is in GoBGP's RIB"],
  ban_advertised: ['info', 'ban was sent to peers'],
  ban_ended: ['info', 'ban ended'],
  ban_rejected: ['warn', 'ban refused'],
  ban_failed: ['error', 'ban reaches no peer'],
  ban_recovered: ['warn', 'ban reaches a peer again'],
  store_failed: ['error', 'bans cannot be saved; new ones are not announced until they can'],
  store_recovered: ['info', 'bans can be saved again'],
};

export function logIncident(log: Logger, event: IncidentEvent): void {
  const [level, message] = INCIDENT_LINES[event.kind];
  const isDry = event.kind === 'ban_started' && event.ban.dryRun;
  log[level](fieldsOf(event), isDry ? `${message} (dry-run, nothing is announced)` : message);
}

function fieldsOf(event: IncidentEvent): Record<string, unknown> {
  const detail = eventDetail(event);
  const fields = detail === '' ? {} : { reason: detail };
  if (!('attack' in event)) return fields;
  if (isAttackEvent(event)) {
    const { id, targetText, classification } = event.attack;
    return { attack: id, target: targetText, type: classification.type, ...fields };
  }
  const { ban } = event;
  const guard = ban.rejectedBy === undefined ? {} : { guard: ban.rejectedBy };
  return { ...banFields(ban), attack: event.attack?.id, ...guard, ...fields };
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

const OPERATION_LINES: {
  readonly [kind in OperationalEventKind]: readonly [level: 'info' | 'warn' | 'error', message: string];
} = {
  gobgp_down: ['error', 'GoBGP is not reached'],
  gobgp_up: ['info', 'GoBGP is reached again'],
  gobgp_conflict: ['error', 'another program works against Kapkan in GoBGP'],
  gobgp_conflict_over: ['info', 'no program works against Kapkan in GoBGP any more'],
  peer_down: ['warn', 'a BGP session is down'],
  peer_up: ['info', 'a BGP session is up again'],
  exporter_silent: ['warn', 'an exporter is silent'],
  exporter_back: ['info', 'an exporter sends again'],
  paused: ['warn', 'announcements are paused: every route is withdrawn'],
  resumed: ['warn', 'announcements are resumed'],
};

export function logOperation(log: Logger, { kind, subject, detail }: OperationalEvent): void {
  const [level, message] = OPERATION_LINES[kind];
  log[level]({ address: subject, detail }, message);
}
