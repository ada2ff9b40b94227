/*
 * The rows of history, as every backend stores and gives them back: what happened to attacks, how much traffic there was,
 * and who did what. Plain data, so that they can be posted to the thread that writes them. Times are whole epoch
 * milliseconds.
 */
import type { AuditRow } from '../../auditEvent.ts';

/** By the names that the metrics and the tables of ClickHouse bear. */
export const HISTORY_TABLES = ['attack_events', 'traffic', 'audit_events'] as const;
export type HistoryTable = (typeof HISTORY_TABLES)[number];

/** What became of a row: in the store, given up for want of room, or refused by the store. */
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

/** Something that happened to an attack, with all that was known of the attack just after it. */
export interface AttackEventRow {
  /** Grows from event to event over all runs of the daemon: what orders events of one millisecond. */
  readonly sequence: number;
  readonly eventTime: number;
  readonly event: AttackEventKind;
  readonly attackId: string;
  readonly startedAt: number;
  /** 0 while it lasts. */
  readonly endedAt: number;
  readonly scope: string;
  readonly target: string;
  readonly group: string;
  /** Empty where the group belongs to none. */
  readonly tenant: string;
  readonly direction: string;
  /** Of the classification. */
  readonly type: string;
  readonly metric: string;
  readonly rate: number;
  readonly threshold: number;
  readonly pps: number;
  readonly mbps: number;
  readonly flowsPerSec: number;
  /** Empty where no ban answers the attack; so are the next two. */
  readonly banState: string;
  readonly method: string;
  readonly route: string;
  readonly dryRun: boolean;
  /** What programs tell events of one kind apart by: the guard that refused a ban, what ended it, how it changed. */
  readonly code: string;
  /** What happened, for a person. */
  readonly detail: string;
  /** The whole attack as the API shows it, sample included, as JSON. */
  readonly attack: string;
}

export type TrafficScope = 'host' | 'group';

/** Packets, megabits (10^6) and flow records a second. */
export interface TrafficRates {
  readonly pps: number;
  readonly mbps: number;
  readonly flowsPerSec: number;
}

/** The traffic of one host or group in one interval. */
export interface TrafficRow {
  /** Start of the interval, a multiple of its length. */
  readonly time: number;
  readonly intervalSeconds: number;
  readonly scope: TrafficScope;
  /** The address, or the name of the group. */
  readonly target: string;
  /** Name of the owning group; of a group its own. */
  readonly group: string;
  readonly tenant: string;
  readonly mean: TrafficRates;
  readonly peak: TrafficRates;
}

/** Who asked for what, and what came of it. */
export interface AuditEventRow extends AuditRow {
  /** As of AttackEventRow. */
  readonly sequence: number;
}

export interface RowOf {
  readonly attack_events: AttackEventRow;
  readonly traffic: TrafficRow;
  readonly audit_events: AuditEventRow;
}

/** Rows of each table by what became of them, since start. */
export type RowCounts = { readonly [table in HistoryTable]: { readonly [result in RowResult]: number } };

/** Rates are kept to a thousandth, in every backend alike. */
export function roundedRate(rate: number): number {
  return Math.round(rate * 1000) / 1000;
}
