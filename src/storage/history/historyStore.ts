/*
 * The interfaces of history. The API asks a `HistoryReader`. The embedded SQLite file and the ClickHouse server are
 * each a `HistoryBackend`. Both backends give the same answers.
 */
import type { AuditQuery } from '../../auditEvent.ts';
import type { AuditEventRow, HistoryTable, RowOf, TrafficRates, TrafficScope } from './historyRows.ts';

/** Epoch milliseconds; `from` is included, `to` is not. An undefined time does not limit. */
interface TimeRange {
  readonly from: number | undefined;
  readonly to: number | undefined;
}

interface PageRequest {
  /** Most rows of the page. */
  readonly limit: number;
  /** The `nextCursor` of the previous page. */
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
  /** The cursor of the next page; undefined on the last page. */
  readonly nextCursor: string | undefined;
}

/** An attack as it was at its latest event. */
export interface PastAttack {
  readonly id: string;
  /** The attack as the API showed it, as JSON. */
  readonly attack: string;
}

/** One event of an attack. Time is epoch milliseconds. */
export interface PastEvent {
  readonly time: number;
  readonly event: string;
  readonly code: string;
  readonly detail: string;
}

/** One attack with its events, oldest first. Of very many events only the newest are kept. */
export interface PastIncident extends PastAttack {
  readonly timeline: readonly PastEvent[];
}

/** Most events of one attack in an answer. */
export const MAX_PAST_EVENTS = 1000;

/** Traffic of one step. Steps without traffic are left out. */
export interface TrafficPoint {
  readonly time: number;
  readonly mean: TrafficRates;
  readonly peak: TrafficRates;
}

export interface HistoryReader {
  /** Attacks that overlap the time range, ordered by their start. */
  attacks(query: AttackQuery): Promise<Page<PastAttack>>;
  /** Undefined where there is no such attack. */
  attack(id: string): Promise<PastIncident | undefined>;
  /** Oldest first. */
  traffic(query: TrafficQuery): Promise<readonly TrafficPoint[]>;
  audit(query: AuditQuery): Promise<Page<AuditEventRow>>;
}

/** Methods reject with a HistoryError. */
export interface HistoryBackend extends HistoryReader {
  /** All rows are stored when it resolves. The same rows with the same token are stored only once. */
  insert<Table extends HistoryTable>(table: Table, rows: readonly RowOf[Table][], token: string): Promise<void>;
  /** Deletes rows that are older than the retention. It is called regularly. */
  prune(now: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * `unavailable`: the store cannot be reached now. `refused`: it will never accept these rows or this question. `full`:
 * there is no disk space for these rows, and they are dropped instead of waiting.
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

/** Most points of one answer. The API refuses a query for more. */
export const MAX_POINTS = 10_000;

const DAY_MS = 86_400_000;

/** A row may have been written while the clock was ahead, and is deleted up to some hours late. */
const MARGIN_MS = DAY_MS;

/**
 * The query limited to the retention, with whole milliseconds, and with a step that gives at most `MAX_POINTS` points,
 * so that no query takes too long. Undefined where no row can be in it.
 */
export function boundedTrafficQuery(query: TrafficQuery, retentionDays: number, now: number): TrafficQuery | undefined {
  const from = Math.floor(Math.max(query.from, now - retentionDays * DAY_MS - MARGIN_MS));
  const to = Math.ceil(Math.min(query.to, now + MARGIN_MS));
  // Also false where one of them is NaN.
  if (!(from < to)) return undefined;
  const step = query.stepSeconds >= 1 ? Math.trunc(Math.min(query.stepSeconds, Number.MAX_SAFE_INTEGER / 1000)) : 1;
  const factor = Math.ceil((to - from) / 1000 / step / MAX_POINTS);
  return { ...query, from, to, stepSeconds: step * Math.max(1, factor) };
}
