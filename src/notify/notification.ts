/*
 * A notification: one event, as every channel gets it, and its JSON for programs.
 *
 * It is a snapshot. The attack goes on changing while the notification waits in a queue, but the notification does not
 * change. Only the sample, which never changes, is shared.
 */
import { toRfc3339 } from '../clock.ts';
import type { MitigationMethod } from '../config/sections/mitigation.ts';
import type { Severity } from '../config/sections/notify/routes.ts';
import type { AttackSample, Classification } from '../engine/attack.ts';
import type { BanEndCode, BanState, Guard } from '../mitigation/ban.ts';
import { OPERATIONAL_EVENT_KINDS } from '../operationalEvent.ts';
import { classificationJson } from '../shapes/attackJson.ts';
import { attackSampleJson } from '../shapes/attackSampleJson.ts';
import type { RibEvidenceJson } from '../shapes/banJson.ts';
import { roundRate } from '../shapes/ratesJson.ts';
import { optionalTime } from '../shapes/timeJson.ts';
import type { Metric } from '../trafficMetrics.ts';

/**
 * The events that notifications can have. The set is open: receivers ignore what they do not know. Every problem has an
 * event for its end, which goes to the same recipients.
 */
export const NOTIFICATION_EVENTS = [
  'attack_started',
  'attack_updated',
  'attack_ended',
  'ban_announced',
  'ban_escalated',
  'ban_updated',
  'ban_ended',
  'ban_rejected',
  'ban_failed',
  'ban_recovered',
  'store_failed',
  'store_recovered',
  ...OPERATIONAL_EVENT_KINDS,
  'test',
] as const;

export type NotificationEvent = (typeof NOTIFICATION_EVENTS)[number];

/** What the notification is about: an address that is attacked or banned, or a part of the installation. */
export type NotificationScope = 'host' | 'gobgp' | 'peer' | 'exporter' | 'store';

/** Why a ban does not do what it should: another method is announced, nothing is announced, or it ended too early. */
export type BanFailure = 'fallback' | 'not_announced' | 'ended';

export interface Notification {
  readonly event: NotificationEvent;
  readonly scope: NotificationScope;
  /** Address of the victim, the GoBGP, the peer or the exporter. */
  readonly target: string;
  /** Empty where the notification is about no host. */
  readonly group: string;
  readonly tenant: string | undefined;
  /** Undefined for a ban by hand on a host that is not attacked. */
  readonly attack: AttackFacts | undefined;
  /** The ban that answers the attack; undefined where there is none. */
  readonly ban: BanFacts | undefined;
  readonly dryRun: boolean;
  /** Clock milliseconds. */
  readonly at: number;
  /** Why a ban was refused, changed, failed or ended, or what was seen of a failure; else empty. */
  readonly reason: string;
  /** Of `ban_failed` and `ban_recovered`. */
  readonly failure: BanFailure | undefined;
  /** `programs`: people read the same in another notification. */
  readonly audience: 'all' | 'programs';
  readonly recipients: Recipients;
}

/**
 * Who gets the notification. A topic is something that several notifications are about, such as one attack; the
 * recipients of the first one also get the later ones.
 */
export interface Recipients {
  /** Topic whose recipients get this notification; undefined for none. */
  readonly followUpOf: string | undefined;
  /** Whether it also follows the configured routes, or only where the recipients of the topic are not known. */
  readonly routes: 'always' | 'if_unknown' | 'never';
  /** Topics that the recipients of this notification belong to from now on. */
  readonly opens: readonly string[];
  /** Send nothing if all of `opens` are already open. */
  readonly once: boolean;
  /** Whether the topic of `followUpOf` is over. */
  readonly closes: boolean;
}

/** Follows the routes; no later notification depends on it. */
export const BY_ROUTES: Recipients = { followUpOf: undefined, routes: 'always', opens: [], once: false, closes: false };

/** Rates are current; those of an ended attack are from its peak. */
export interface AttackFacts {
  readonly id: string;
  readonly metric: Metric;
  readonly rate: number;
  /** The highest rate of the metric so far. */
  readonly peak: number;
  readonly threshold: number;
  readonly pps: number;
  readonly mbps: number;
  readonly flowsPerSecond: number;
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  readonly classification: Classification;
  readonly sample: AttackSample;
}

export interface BanFacts {
  readonly id: string;
  readonly state: BanState;
  readonly method: MitigationMethod;
  /** As the contract's `route`; empty where nothing is announced. */
  readonly route: string;
  readonly manual: boolean;
  /** Who asked for a ban by hand, and with which comment. */
  readonly operator: string | undefined;
  readonly comment: string | undefined;
  /** The method that would be in force if it could be announced. */
  readonly fellBackFrom: MitigationMethod | undefined;
  readonly startedAt: number;
  readonly expiresAt: number;
  readonly rejectedBy: Guard | undefined;
  readonly endedBy: BanEndCode | undefined;
  /** Where the routes of an active real ban were at this moment; undefined for other bans. */
  readonly rib: RibEvidenceJson | undefined;
}

/** An attack at this many times its limit is unusual, or very large. */
const WARNING_RATIO = 2;
const CRITICAL_RATIO = 10;

/**
 * How urgent it is. A ban that was refused or is not announced leaves a victim without protection, so it is critical at
 * any rate. A fallback protects the victim in another way. For attacks it depends on the ratio of rate and limit.
 */
export function severityOf({ event, attack, failure, dryRun }: Notification): Severity {
  switch (event) {
    case 'ban_rejected':
    case 'store_failed':
      return 'critical';
    case 'gobgp_down':
    case 'gobgp_conflict':
    case 'paused':
      return dryRun ? 'warning' : 'critical';
    case 'ban_failed':
      return failure === 'fallback' ? 'warning' : 'critical';
    case 'ban_escalated':
    case 'peer_down':
    case 'exporter_silent':
      return 'warning';
    case 'attack_started':
    case 'attack_updated':
    case 'attack_ended':
      return attackSeverity(attack);
    default:
      return 'info';
  }
}

function attackSeverity(attack: AttackFacts | undefined): Severity {
  if (attack === undefined) return 'info';
  const ratio = attack.rate / attack.threshold;
  if (ratio >= CRITICAL_RATIO) return 'critical';
  return ratio >= WARNING_RATIO ? 'warning' : 'info';
}

/** The JSON for programs. Fields that do not apply are absent. */
export function notificationPayload(notification: Notification) {
  const { attack, ban, reason, scope, event, failure } = notification;
  const isHost = scope === 'host';
  return {
    schema_version: 1,
    event,
    severity: severityOf(notification),
    scope,
    target: notification.target,
    group: isHost ? notification.group : undefined,
    tenant: notification.tenant,
    direction: isHost ? 'incoming' : undefined,
    attack_id: attack?.id,
    started_at: attack && toRfc3339(attack.startedAt),
    ended_at: optionalTime(attack?.endedAt),
    metric: attack?.metric,
    rate: attack && roundRate(attack.rate),
    peak: attack && roundRate(attack.peak),
    threshold: attack?.threshold,
    pps: attack && roundRate(attack.pps),
    mbps: attack && roundRate(attack.mbps),
    flows_per_sec: attack && roundRate(attack.flowsPerSecond),
    ban_id: ban?.id,
    ban_state: ban?.state,
    method: ban?.method,
    route: ban === undefined || ban.route === '' ? undefined : ban.route,
    manual: ban?.manual,
    operator: ban?.operator,
    comment: ban?.comment,
    expires_at: ban?.state === 'active' ? toRfc3339(ban.expiresAt) : undefined,
    rejected_by: ban?.rejectedBy,
    ended_by: ban?.endedBy,
    rib: ban?.rib,
    dry_run: notification.dryRun,
    at: toRfc3339(notification.at),
    classification: attack && classificationJson(attack.classification),
    sample: attack && attackSampleJson(attack.sample),
    reason: reason === '' ? undefined : reason,
    failure,
    fell_back_from: failure === 'fallback' ? ban?.fellBackFrom : undefined,
  };
}
