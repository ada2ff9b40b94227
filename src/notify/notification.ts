/*
 * A notification: one thing that happened, as every channel is handed it, and the JSON that programs get of it.
 *
 * It is a snapshot. The attack it is about goes on changing while the notification waits in a queue; what was true when
 * it happened is what is told. Only the sample, which never changes, is shared.
 */
import { toRfc3339 } from '../clock.ts';
import type { MitigationMethod } from '../config/sections/mitigation.ts';
import type { Severity } from '../config/sections/notify/routes.ts';
import type { AttackSample, Classification } from '../engine/attack.ts';
import type { BanState } from '../mitigation/ban.ts';
import { classificationJson } from '../shapes/attackJson.ts';
import { attackSampleJson } from '../shapes/attackSampleJson.ts';
import { roundRate } from '../shapes/ratesJson.ts';
import type { Metric } from '../trafficMetrics.ts';

/** `test` is what an operator asks for, and the only one that is about nothing. */
export type NotificationEvent = 'attack_started' | 'attack_ended' | 'ban_rejected' | 'ban_failed' | 'test';

export interface Notification {
  readonly event: NotificationEvent;
  readonly target: string;
  readonly group: string;
  readonly tenant: string | undefined;
  /** Undefined for a ban by hand on a host that is not attacked. */
  readonly attack: AttackFacts | undefined;
  /** The ban that answers; undefined where none does. */
  readonly ban: BanFacts | undefined;
  readonly dryRun: boolean;
  /** Clock milliseconds. */
  readonly at: number;
  /** Why a ban was refused, fell back or cannot be announced; else empty. */
  readonly reason: string;
}

/** Rates are those of the moment; of an ended attack, its peak. */
export interface AttackFacts {
  readonly id: string;
  readonly metric: Metric;
  readonly rate: number;
  readonly threshold: number;
  readonly pps: number;
  readonly mbps: number;
  readonly flowsPerSecond: number;
  readonly startedAt: number;
  readonly classification: Classification;
  readonly sample: AttackSample;
}

export interface BanFacts {
  readonly state: BanState;
  readonly method: MitigationMethod;
  /** As the contract's `route`; empty where nothing is announced. */
  readonly route: string;
  readonly manual: boolean;
  /** The method that would be in force if it could be announced. */
  readonly fellBackFrom: MitigationMethod | undefined;
}

/** From this many times its limit an attack is more than the network's everyday. */
const WARNING_RATIO = 2;
const CRITICAL_RATIO = 10;

/**
 * How much of a hurry there is. A ban that was refused or cannot be announced leaves somebody uncovered, whatever the
 * rate; a fallback covers the victim, if more coarsely. Attacks go by how far they are over their limit.
 */
export function severityOf({ event, attack, ban }: Notification): Severity {
  if (event === 'ban_rejected') return 'critical';
  if (event === 'ban_failed') return ban?.fellBackFrom === undefined ? 'critical' : 'warning';
  if (attack === undefined) return 'info';
  const ratio = attack.rate / attack.threshold;
  if (ratio >= CRITICAL_RATIO) return 'critical';
  return ratio >= WARNING_RATIO ? 'warning' : 'info';
}

/** The JSON for programs; what does not apply is absent. `reason` and `fell_back_from` come with refused and failed bans. */
export function notificationPayload(notification: Notification) {
  const { attack, ban, reason } = notification;
  return {
    schema_version: 1,
    event: notification.event,
    scope: 'host',
    target: notification.target,
    group: notification.group,
    direction: 'incoming',
    metric: attack?.metric,
    rate: attack && roundRate(attack.rate),
    threshold: attack?.threshold,
    pps: attack && roundRate(attack.pps),
    mbps: attack && roundRate(attack.mbps),
    flows_per_sec: attack && roundRate(attack.flowsPerSecond),
    ban_state: ban?.state,
    method: ban?.method,
    route: ban === undefined || ban.route === '' ? undefined : ban.route,
    dry_run: notification.dryRun,
    at: toRfc3339(notification.at),
    classification: attack && classificationJson(attack.classification),
    sample: attack && attackSampleJson(attack.sample),
    reason: reason === '' ? undefined : reason,
    fell_back_from: ban?.fellBackFrom,
  };
}
