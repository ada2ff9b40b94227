/*
 * From incident events to notifications: which events somebody is told of, and what the notification says.
 */
import type { Config } from '../config/config.ts';
import type { Attack } from '../engine/attack.ts';
import type { AttackEvent, BanIncidentEvent, IncidentEvent } from '../incidents/incidentEvent.ts';
import type { Ban } from '../mitigation/ban.ts';
import { routeSummary } from '../mitigation/routeText.ts';
import { tenantOfGroup } from '../mitigation/scope.ts';
import type { AttackFacts, BanFacts, Notification } from './notification.ts';

/** Undefined where the event is in order and nobody needs to be told. `config` is the one in force. */
export function notificationOf(event: IncidentEvent, config: Config): Notification | undefined {
  switch (event.kind) {
    case 'attack_started':
    case 'attack_ended':
      return ofAttack(event.kind, event, config);
    case 'ban_rejected':
      return ofBan('ban_rejected', event, event.ban.reason, config);
    case 'ban_failed':
      return ofBan('ban_failed', event, event.reason, config);
    case 'ban_changed':
      return event.change === 'fallback' ? ofFallback(event, config) : undefined;
    case 'ban_started':
      // It fell back before it began: no peer can be sent the method that was wanted.
      return event.ban.fellBackFrom === undefined ? undefined : ofFallback(event, config);
    case 'attack_updated':
    case 'ban_unconfirmed':
    case 'ban_confirmed':
    case 'ban_advertised':
    case 'ban_ended':
    case 'ban_recovered':
    case 'store_failed':
    case 'store_recovered':
      return undefined;
  }
}

function ofAttack(
  event: 'attack_started' | 'attack_ended',
  { attack, ban, at }: AttackEvent,
  config: Config,
): Notification {
  return {
    event,
    target: attack.targetText,
    group: attack.groupName,
    tenant: tenantOfGroup(config, attack.groupName),
    attack: attackFacts(attack),
    ban: ban && banFacts(ban),
    dryRun: ban?.dryRun ?? config.dryRun,
    at,
    reason: '',
  };
}

function ofFallback(event: BanIncidentEvent, config: Config): Notification {
  return ofBan('ban_failed', event, event.ban.fellBackReason ?? 'unknown', config);
}

function ofBan(
  event: 'ban_rejected' | 'ban_failed',
  { ban, attack, at }: BanIncidentEvent,
  reason: string,
  config: Config,
): Notification {
  return {
    event,
    target: ban.targetText,
    group: ban.group,
    tenant: tenantOfGroup(config, ban.group),
    attack: attack && attackFacts(attack),
    ban: banFacts(ban),
    dryRun: ban.dryRun,
    at,
    reason,
  };
}

function attackFacts(attack: Attack): AttackFacts {
  const { id, metric, rate, threshold, rates, startedAt, classification, sample } = attack;
  return {
    id,
    metric,
    rate,
    threshold,
    pps: rates.pps ?? 0,
    mbps: rates.mbps ?? 0,
    flowsPerSecond: rates.flows_per_sec ?? 0,
    startedAt,
    classification,
    sample,
  };
}

function banFacts(ban: Ban): BanFacts {
  const { state, method, madeBy, fellBackFrom } = ban;
  return {
    state,
    method,
    manual: madeBy === 'operator',
    fellBackFrom,
    route: ban.routes.length === 0 ? '' : routeSummary(ban),
  };
}
