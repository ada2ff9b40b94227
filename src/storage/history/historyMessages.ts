/*
 * The messages between the main thread and the history thread.
 *
 *   main -> thread    rows     rows to write; there is no answer, but `taken` counts them
 *                     sample   a traffic sample; `taken` counts it as one
 *                     ask      a question; `answer` or `failed` has the same id
 *   thread -> main    taken    how many rows and samples the thread has received since the last such message
 *                     log      a line for the main thread's logger
 */
import type { AuditQuery } from '../../auditEvent.ts';
import type { ClickhouseConfig } from '../../config/sections/storage.ts';
import type { AttackEventRow, AuditEventRow, RowCounts } from './historyRows.ts';
import type {
  AttackQuery,
  HistoryFault,
  Page,
  PastAttack,
  PastIncident,
  TrafficPoint,
  TrafficQuery,
} from './historyStore.ts';
import type { HistoryLogLine, WriterLimits } from './historyWriter.ts';
import type { TrafficSample } from './trafficIntervals.ts';

/** `workerData` of the history thread. */
export interface HistorySettings {
  readonly limits: WriterLimits;
  readonly store:
    | { readonly kind: 'sqlite'; readonly file: string; readonly retentionDays: number }
    | { readonly kind: 'clickhouse'; readonly clickhouse: ClickhouseConfig };
}

/** The questions. */
export type HistoryAsk =
  | { readonly name: 'attacks'; readonly query: AttackQuery }
  | { readonly name: 'attack'; readonly attackId: string }
  | { readonly name: 'traffic'; readonly query: TrafficQuery }
  | { readonly name: 'audit'; readonly query: AuditQuery }
  | { readonly name: 'counts' }
  /** Write the waiting rows and end. */
  | { readonly name: 'stop' };

export interface HistoryAnswers {
  readonly attacks: Page<PastAttack>;
  readonly attack: PastIncident | undefined;
  readonly traffic: readonly TrafficPoint[];
  readonly audit: Page<AuditEventRow>;
  readonly counts: RowCounts;
  /** The final counts. */
  readonly stop: RowCounts;
}

export type ToHistory =
  | { readonly type: 'rows'; readonly table: 'attack_events'; readonly rows: readonly AttackEventRow[] }
  | { readonly type: 'rows'; readonly table: 'audit_events'; readonly rows: readonly AuditEventRow[] }
  | { readonly type: 'sample'; readonly sample: TrafficSample }
  | { readonly type: 'ask'; readonly id: number; readonly ask: HistoryAsk };

export type FromHistory =
  | { readonly type: 'taken'; readonly rows: number; readonly samples: number }
  | { readonly type: 'answer'; readonly id: number; readonly answer: HistoryAnswers[keyof HistoryAnswers] }
  | { readonly type: 'failed'; readonly id: number; readonly fault: HistoryFault; readonly message: string }
  | { readonly type: 'log'; readonly line: HistoryLogLine };
