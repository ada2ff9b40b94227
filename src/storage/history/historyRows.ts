/*
 * The rows of history, as every backend stores and returns them: attack events, traffic, audit events. They are plain
 * data, so that they can be posted to the history thread. Times are whole epoch milliseconds.
 */
import type { AuditRow } from '../../auditEvent.ts';
import type { TotalMetric } from '../../trafficMetrics.ts';

/** The names are those of the metrics and of the ClickHouse tables. */
export const HISTORY_TABLES = ['attack_events', 'traffic', 'audit_events'] as const;
export type HistoryTable = (typeof HISTORY_TABLES)[number];

/** The result for a row: stored, dropped because there was no room, or refused by the store. */
export const ROW_RESULTS = ['written', 'dropped', 'error'] as const;
export type RowResult = (typeof ROW_RESULTS)[number];

export type AttackEventKind =
  | 'attack_started'
  | 'attack_updated'
  | 'attack_ended'
  | 'ban_started'
  | 'ban_changed'
  | 'ban_unconfirmed'
  | 'ban_confirmed'
  | 'ban_advertised'
  | 'ban_recovered'
  | 'ban_ended'
  | 'ban_rejected'
  | 'ban_failed';

/** An event of an attack, with the whole attack as it was just after the event. */
export interface AttackEventRow {
  /** Grows from event to event, over restarts too. It orders events of the same millisecond. */
  readonly sequence: number;
  readonly eventTime: number;
  readonly event: AttackEventKind;
  readonly attackId: string;
  readonly startedAt: number;
  /** 0 while the attack lasts. */
  readonly endedAt: number;
  readonly scope: string;
  readonly target: string;
  readonly group: string;
  /** Empty where the group has none. */
  readonly tenant: string;
  readonly direction: string;
  /** Type of the classification. */
  readonly type: string;
  readonly metric: string;
  readonly rate: number;
  readonly threshold: number;
  readonly pps: number;
  readonly mbps: number;
  readonly flowsPerSec: number;
  /** `banState`, `method` and `route` are empty where no ban answers the attack. */
  readonly banState: string;
  readonly method: string;
  readonly route: string;
  readonly dryRun: boolean;
  /**
   * What distinguishes events of one kind for programs: the guard that refused a ban, what ended it, how it changed.
   */
  readonly code: string;
  /** What happened, for a person. */
  readonly detail: string;
  /** The whole attack as the API shows it, sample included, as JSON. */
  readonly attack: string;
}

export type TrafficScope = 'host' | 'group';

/** Packets, megabits (10^6) and flow records a second. */
export type TrafficRates = Readonly<Record<TotalMetric, number>>;

/** The traffic of one host or group in one interval. */
export interface TrafficRow {
  /** Start of the interval, a multiple of its length. */
  readonly time: number;
  readonly intervalSeconds: number;
  readonly scope: TrafficScope;
  /** The address, or the name of the group. */
  readonly target: string;
  /** Name of the owning group; for a group, its own name. */
  readonly group: string;
  readonly tenant: string;
  readonly mean: TrafficRates;
  readonly peak: TrafficRates;
}

/** Who requested what, and the result. */
export interface AuditEventRow extends AuditRow {
  /** As in AttackEventRow. */
  readonly sequence: number;
}

export interface RowOf {
  readonly attack_events: AttackEventRow;
  readonly traffic: TrafficRow;
  readonly audit_events: AuditEventRow;
}

/** Number of rows by table and result since the start. */
export type RowCounts = { readonly [table in HistoryTable]: { readonly [result in RowResult]: number } };

/** Every backend stores rates rounded to a thousandth. */
export function roundedRate(rate: number): number {
  return Math.round(rate * 1000) / 1000;
}
