/*
 * Makes notifications of incident events and operational events: which of them somebody is notified of, who that is,
 * and what the notification contains.
 */
import type { Config } from '../config/config.ts';
import type { Attack } from '../engine/attack.ts';
import {
  type AttackEvent,
  type BanIncidentEvent,
  CHANGES,
  eventDetail,
  type IncidentEvent,
  type StoreEvent,
} from '../incidents/incidentEvent.ts';
import type { Ban, BanEndCode } from '../mitigation/ban.ts';
import { routeSummary } from '../mitigation/route.ts';
import { tenantOfGroup } from '../mitigation/scope.ts';
import type { OperationalEvent, OperationalEventKind } from '../operationalEvent.ts';
import type { RibEvidenceJson } from '../shapes/banJson.ts';
import {
  type AttackFacts,
  type BanFacts,
  type BanFailure,
  BY_ROUTES,
  type Notification,
  type NotificationEvent,
  type NotificationScope,
  type Recipients,
} from './notification.ts';

export interface NotificationContext {
  /** The config in force. */
  readonly config: Config;
  /** When the daemon started, in clock milliseconds. */
  readonly runningSince: number;
  /** Where the routes of an active real ban are now; undefined where it has none. */
  readonly ribOf: (ban: Ban) => RibEvidenceJson | undefined;
}

/** Empty where nobody needs to be notified. */
export function notificationsOf(event: IncidentEvent | OperationalEvent, context: NotificationContext): Notification[] {
  if (event.kind === 'ban_advertised') return ofAdvertised(event, context);
  const notification = notificationOf(event, context);
  return notification === undefined ? [] : [notification];
}

function notificationOf(
  event: Exclude<IncidentEvent, AdvertisedEvent> | OperationalEvent,
  context: NotificationContext,
): Notification | undefined {
  switch (event.kind) {
    case 'attack_started':
    case 'attack_updated':
    case 'attack_ended':
      return ofAttack(event, context);
    case 'ban_started':
      // Only a ban that fell back from the start; the others are reported when they are advertised.
      return event.ban.fellBackFrom === undefined ? undefined : ofFallback(event, context);
    case 'ban_changed':
      return ofChange(event, context);
    case 'ban_ended':
      return ofEnd(event, context);
    case 'ban_rejected':
      return ofBan('ban_rejected', event, event.ban.reason, withAttack(event, []), context);
    case 'ban_failed':
      return ofFailure(event, 'not_announced', event.reason, context);
    // Being in GoBGP is not enough: `ban_advertised` reports the recovery.
    case 'ban_recovered':
    case 'ban_unconfirmed':
    case 'ban_confirmed':
      return undefined;
    case 'store_failed':
    case 'store_recovered':
      return ofStore(event, context);
    default:
      return ofOperations(event, context);
  }
}

type AdvertisedEvent = Extract<BanIncidentEvent, { readonly kind: 'ban_advertised' }>;

function ofAttack(event: AttackEvent, context: NotificationContext): Notification {
  const { kind, attack, ban, at } = event;
  const topic = attackTopic(attack);
  const isStart = kind === 'attack_started';
  return {
    event: kind,
    scope: 'host',
    target: attack.targetText,
    group: attack.groupName,
    tenant: tenantOfGroup(context.config, attack.groupName),
    attack: attackFacts(attack),
    ban: ban && banFacts(ban, context),
    dryRun: ban?.dryRun ?? context.config.dryRun,
    at,
    reason: kind === 'attack_updated' && event.cause === 'vector' ? eventDetail(event) : '',
    failure: undefined,
    audience: 'all',
    recipients: isStart
      ? { ...BY_ROUTES, opens: [topic] }
      : { ...followUp(topic, 'if_unknown'), closes: kind === 'attack_ended' },
  };
}

/**
 * A peer was sent the ban's routes. It is the end of a failure, if there was one, of this ban or of one that ended
 * before it, and it announces the ban the first time. After a restart, bans that were announced before are not
 * announced again.
 */
function ofAdvertised(event: AdvertisedEvent, context: NotificationContext): Notification[] {
  const { ban, attack } = event;
  const recovered = ofRecovery(event, 'not_announced', context);
  if (ban.startedAt < context.runningSince) return [recovered];
  const base = attack === undefined ? BY_ROUTES : followUp(attackTopic(attack), 'if_unknown');
  const recipients: Recipients = { ...base, opens: [banTopic(ban)], once: true };
  const announced = ofBan('ban_announced', event, '', recipients, context);
  return [recovered, announced, ofRecovery(event, 'ended', context)];
}

function ofChange(
  event: Extract<BanIncidentEvent, { readonly kind: 'ban_changed' }>,
  context: NotificationContext,
): Notification {
  if (event.change === 'fallback') return ofFallback(event, context);
  if (event.change === 'return') return ofRecovery(event, 'fallback', context);
  const { ban, attack, change } = event;
  const recipients = followUp(attack === undefined ? banTopic(ban) : attackTopic(attack), 'if_unknown');
  if (change !== 'rung') return ofBan('ban_updated', event, CHANGES[change], recipients, context);
  const reason = `the attack goes on, so the ban takes step ${(ban.escalationStep ?? 0) + 1} of its escalation`;
  return ofBan('ban_escalated', event, reason, recipients, context);
}

function ofFallback(event: BanIncidentEvent, context: NotificationContext): Notification {
  return ofFailure(event, 'fallback', event.ban.fellBackReason ?? 'unknown', context);
}

function ofFailure(
  event: BanIncidentEvent,
  failure: BanFailure,
  reason: string,
  context: NotificationContext,
): Notification {
  const recipients = withAttack(event, [failureTopic(event.ban, failure)]);
  return { ...ofBan('ban_failed', event, reason, recipients, context), failure };
}

function ofRecovery(event: BanIncidentEvent, failure: BanFailure, context: NotificationContext): Notification {
  const routes = failure === 'fallback' ? 'if_unknown' : 'never';
  const recipients: Recipients = { ...followUp(failureTopic(event.ban, failure), routes), closes: true };
  return { ...ofBan('ban_recovered', event, '', recipients, context), failure };
}

/** Ends that leave a victim without protection while its attack goes on. */
const ENDED_TOO_EARLY: ReadonlySet<BanEndCode | undefined> = new Set<BanEndCode>([
  'whitelisted',
  'network_removed',
  'cap_lowered',
  'config_changed',
  'harmful',
]);

function ofEnd(event: BanIncidentEvent, context: NotificationContext): Notification | undefined {
  const { ban, attack } = event;
  const code = ban.endedBy?.code;
  // The routes stay: the ban that replaces it announces them.
  if (code === 'replaced') return undefined;
  const topic = banTopic(ban);
  if (ENDED_TOO_EARLY.has(code) && attack?.endedAt === undefined) {
    const recipients = { ...withAttack(event, [failureTopic(ban, 'ended')]), followUpOf: topic, closes: true };
    return { ...ofBan('ban_failed', event, ban.reason, recipients, context), failure: 'ended' };
  }
  // What this run did not announce, it does not take back; a ban of the last run was announced by that.
  const isOfLastRun = !ban.dryRun && ban.routes.length > 0 && ban.startedAt < context.runningSince;
  const recipients: Recipients = { ...followUp(topic, isOfLastRun ? 'if_unknown' : 'never'), closes: true };
  // People read it in the end of the attack.
  const audience = code === 'attack_ended' ? 'programs' : 'all';
  return { ...ofBan('ban_ended', event, ban.reason, recipients, context), audience };
}

function ofBan(
  event: NotificationEvent,
  { ban, attack, at }: BanIncidentEvent,
  reason: string,
  recipients: Recipients,
  context: NotificationContext,
): Notification {
  return {
    event,
    scope: 'host',
    target: ban.targetText,
    group: ban.group,
    tenant: tenantOfGroup(context.config, ban.group),
    attack: attack && attackFacts(attack),
    ban: banFacts(ban, context),
    dryRun: ban.dryRun,
    at,
    reason,
    failure: undefined,
    audience: 'all',
    recipients,
  };
}

function ofStore(event: StoreEvent, { config }: NotificationContext): Notification {
  const recipients = recipientsOf('store', event.kind === 'store_failed');
  const reason = event.kind === 'store_failed' ? event.reason : '';
  return ofInstallation(event.kind, 'store', config.storage.path, reason, event.at, recipients, config);
}

/** A problem and its recovery have the same topic. */
const OPERATIONS: {
  readonly [kind in OperationalEventKind]: readonly [
    scope: NotificationScope,
    topic: string,
    what: 'problem' | 'recovery',
  ];
} = {
  gobgp_down: ['gobgp', 'gobgp', 'problem'],
  gobgp_up: ['gobgp', 'gobgp', 'recovery'],
  gobgp_conflict: ['gobgp', 'conflict', 'problem'],
  gobgp_conflict_over: ['gobgp', 'conflict', 'recovery'],
  peer_down: ['peer', 'peer', 'problem'],
  peer_up: ['peer', 'peer', 'recovery'],
  exporter_silent: ['exporter', 'exporter', 'problem'],
  exporter_back: ['exporter', 'exporter', 'recovery'],
  paused: ['gobgp', 'pause', 'problem'],
  resumed: ['gobgp', 'pause', 'recovery'],
};

function ofOperations({ kind, subject, detail, at }: OperationalEvent, { config }: NotificationContext): Notification {
  const [scope, topic, what] = OPERATIONS[kind];
  const recipients = recipientsOf(`${topic} ${subject}`, what === 'problem');
  return ofInstallation(kind, scope, subject, detail, at, recipients, config);
}

function ofInstallation(
  event: NotificationEvent,
  scope: NotificationScope,
  target: string,
  reason: string,
  at: number,
  recipients: Recipients,
  { dryRun }: Config,
): Notification {
  const about = {
    group: '',
    tenant: undefined,
    attack: undefined,
    ban: undefined,
    failure: undefined,
    audience: 'all',
  } as const;
  return { event, scope, target, ...about, dryRun, at, reason, recipients };
}

/** A problem follows the routes; its recovery goes to whoever got the problem. */
function recipientsOf(topic: string, isProblem: boolean): Recipients {
  return isProblem ? { ...BY_ROUTES, opens: [topic] } : { ...followUp(topic, 'never'), closes: true };
}

function followUp(topic: string, routes: Recipients['routes']): Recipients {
  return { ...BY_ROUTES, followUpOf: topic, routes };
}

/** Follows the routes, and its recipients also get the end of the attack. */
function withAttack({ attack }: BanIncidentEvent, topics: readonly string[]): Recipients {
  const opens = attack === undefined || attack.endedAt !== undefined ? topics : [...topics, attackTopic(attack)];
  return { ...BY_ROUTES, opens };
}

function attackTopic({ id }: Attack): string {
  return `attack ${id}`;
}

function banTopic({ id }: Ban): string {
  return `ban ${id}`;
}

/** A ban that ended does not come back itself: another ban of the same target is the recovery. */
function failureTopic({ id, targetText }: Ban, failure: BanFailure): string {
  return `${failure} ${failure === 'ended' ? targetText : id}`;
}

function attackFacts(attack: Attack): AttackFacts {
  const { id, metric, rate, peakRate, threshold, rates, startedAt, endedAt, classification, sample } = attack;
  return {
    id,
    metric,
    rate,
    peak: peakRate,
    threshold,
    pps: rates.pps ?? 0,
    mbps: rates.mbps ?? 0,
    flowsPerSecond: rates.flows_per_sec ?? 0,
    startedAt,
    endedAt,
    classification,
    sample,
  };
}

function banFacts(ban: Ban, { ribOf }: NotificationContext): BanFacts {
  const { id, state, method, madeBy, operator, comment, fellBackFrom, startedAt, expiresAt, rejectedBy } = ban;
  return {
    ...{ id, state, method, operator, comment, fellBackFrom, startedAt, expiresAt, rejectedBy },
    endedBy: ban.endedBy?.code,
    manual: madeBy === 'operator',
    route: ban.routes.length === 0 ? '' : routeSummary(ban),
    rib: ribOf(ban),
  };
}
