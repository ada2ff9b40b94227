/*
 * The interfaces around history. `HistoryReader` is what the API asks, whatever holds the rows; `HistoryBackend` is what
 * an embedded SQLite file or a ClickHouse server has to be able to do. Both answer the same questions with the same rows.
 */
import type { AuditQuery } from '../../auditEvent.ts';
import type { AuditEventRow, HistoryTable, RowOf, TrafficRates, TrafficScope } from './historyRows.ts';

/** Times are epoch milliseconds, `from` included and `to` not; what is undefined does not limit. */
interface TimeRange {
  readonly from: number | undefined;
  readonly to: number | undefined;
}

interface PageRequest {
  /** Rows at most. */
  readonly limit: number;
  /** Where the page before ended, as it said. */
  readonly cursor: string | undefined;
  /** Only rows of this tenant. */
  readonly tenant: string | undefined;
}

export interface AttackQuery extends TimeRange, PageRequest {
  readonly target: string | undefined;
  readonly group: string | undefined;
  readonly type: string | undefined;
}

export interface TrafficQuery {
  readonly scope: TrafficScope;
  /** Address or name of the group. */
  readonly target: string;
  readonly from: number;
  readonly to: number;
  /** Points begin at multiples of this. */
  readonly stepSeconds: number;
  readonly tenant: string | undefined;
}

/** Newest first. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  /** To ask for what follows; undefined on the last page. */
  readonly nextCursor: string | undefined;
}

/** An attack as it was when last something happened to it. */
export interface PastAttack {
  readonly id: string;
  /** Of the attack as the API showed it. */
  readonly attack: string;
}

/** One event of an attack. Time is epoch milliseconds. */
export interface PastEvent {
  readonly time: number;
  readonly event: string;
  readonly code: string;
  readonly detail: string;
}

/** One attack and what happened to it, oldest first; of very many events the newest. */
export interface PastIncident extends PastAttack {
  readonly timeline: readonly PastEvent[];
}

/** Events of one attack that are answered at most. */
export const MAX_PAST_EVENTS = 1000;

/** Traffic of one step; steps without any are left out. */
export interface TrafficPoint {
  readonly time: number;
  readonly mean: TrafficRates;
  readonly peak: TrafficRates;
}

export interface HistoryReader {
  /** Attacks of which any part lies in the time asked for, by their start. */
  attacks(query: AttackQuery): Promise<Page<PastAttack>>;
  /** Undefined where there is no such attack. */
  attack(id: string): Promise<PastIncident | undefined>;
  /** Oldest first. */
  traffic(query: TrafficQuery): Promise<readonly TrafficPoint[]>;
  audit(query: AuditQuery): Promise<Page<AuditEventRow>>;
}

/** Methods reject with a HistoryError. */
export interface HistoryBackend extends HistoryReader {
  /** Of these rows all are stored when it resolves. The same rows with the same token again are stored once. */
  insert<Table extends HistoryTable>(table: Table, rows: readonly RowOf[Table][], token: string): Promise<void>;
  /** Removes what is older than it is to be kept; to be called now and then. */
  prune(now: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * `unavailable`: the store cannot be reached, later it may be; `refused`: it does not take these rows or this question,
 * now or later; `full`: there is no room for these rows, and they are not to wait for it.
 */
export type HistoryFault = 'unavailable' | 'refused' | 'full';

export class HistoryError extends Error {
  override readonly name = 'HistoryError';
  readonly fault: HistoryFault;

  constructor(fault: HistoryFault, message: string, cause?: unknown) {
    super(message, { cause });
    this.fault = fault;
  }
}
