/*
 * The queue in front of a history backend: bounded, written in batches, tried again while the store is away. Rows that
 * do not fit are dropped and counted; a row counts as written only after the store said that it has it. A batch keeps its
 * rows and its token over all attempts, so that one whose answer was lost is not stored twice. A batch that is refused is
 * halved until the row at fault is alone, so that it costs only itself.
 */
import { randomUUID } from 'node:crypto';
import { messageOf } from '../../errors.ts';
import { boundedRow } from './boundedRow.ts';
import { HISTORY_TABLES, type HistoryTable, type RowCounts, type RowOf, type RowResult } from './historyRows.ts';
import { type HistoryBackend, HistoryError } from './historyStore.ts';

/**
 * Inserts that may be refused while the rows at fault in one batch are looked for: enough for some ten of them among ten
 * thousand. Then the parts that are left count as refused whole, so that a broken table costs no thousands of requests.
 */
const REFUSALS_A_BATCH = 256;

/** Refused rows are logged at most this often; the counters have them all. */
const REFUSAL_LOG_INTERVAL_MS = 60_000;

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

export interface WriterLimits {
  /** Rows that wait at most, those being written included. */
  readonly queueSize: number;
  /** So many rows of a table are written without waiting for more. */
  readonly batchSize: number;
  /** Rows of one insert at most, when there is much to catch up with. */
  readonly maxBatchSize: number;
  /** Rows wait at most so long for others. */
  readonly flushIntervalMs: number;
}

export interface HistoryLogLine {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface WriterOptions extends WriterLimits {
  readonly backend: Pick<HistoryBackend, 'insert'>;
  readonly onLog: (line: HistoryLogLine) => void;
  /** Waits before another attempt, until then or until the signal; tests have one that does not wait. */
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
}

type Queues = { readonly [table in HistoryTable]: RowOf[table][] };
type MutableCounts = { readonly [table in HistoryTable]: { [result in RowResult]: number } };

export class HistoryWriter {
  readonly #options: WriterOptions;
  readonly #queues: Queues = { attack_events: [], traffic: [], audit_events: [] };
  readonly #counts: MutableCounts = noCounts();
  readonly #stopping = new AbortController();
  /** Rows queued or being written. */
  #waiting = 0;
  /** The writing under way, and the flush that follows it. */
  #current: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failingSince: number | undefined;
  #droppedSinceLogged = 0;
  #refusedSinceLogged = 0;
  #logRefusalsAt = Number.NEGATIVE_INFINITY;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  add<Table extends HistoryTable>(table: Table, rows: readonly RowOf[Table][]): void {
    const { queueSize, batchSize, flushIntervalMs } = this.#options;
    const room = Math.max(0, queueSize - this.#waiting);
    const taken = rows.length <= room ? rows : rows.slice(0, room);
    if (taken.length < rows.length) this.#drop(table, rows.length - taken.length);
    const queue: RowOf[Table][] = this.#queues[table];
    for (const row of taken) queue.push(boundedRow<Table>(row));
    this.#waiting += taken.length;
    if (queue.length >= batchSize && this.#current === undefined) void this.#begin(false);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.flush();
    }, flushIntervalMs);
  }

  counts(): RowCounts {
    return structuredClone(this.#counts);
  }

  /** Writes all that waits now. Resolves when that is done with, written or not. */
  flush(): Promise<void> {
    if (this.#current === undefined) return this.#begin(true);
    this.#next ??= this.#current.then(() => {
      this.#next = undefined;
      return this.flush();
    });
    return this.#next;
  }

  /** Tries once more to write what waits; what cannot be written is dropped. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.flush();
    clearTimeout(this.#timer);
  }

  #begin(all: boolean): Promise<void> {
    this.#current = this.#write(all).finally(() => {
      this.#current = undefined;
    });
    return this.#current;
  }

  /** Full batches, or all that waits when this begins; what comes in meanwhile is the next flush's, full batches excepted. */
  async #write(all: boolean): Promise<void> {
    const { batchSize, maxBatchSize } = this.#options;
    for (const table of HISTORY_TABLES) {
      let left = all ? this.#queues[table].length : 0;
      while (left > 0 || this.#queues[table].length >= batchSize) {
        const rows = this.#queues[table].splice(0, maxBatchSize);
        left -= rows.length;
        await this.#writeBatch(table, rows);
        this.#waiting -= rows.length;
      }
    }
  }

  async #writeBatch<Table extends HistoryTable>(table: Table, rows: readonly RowOf[Table][]): Promise<void> {
    const parts: (readonly RowOf[Table][])[] = [rows];
    let refusals = 0;
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      const refusal = await this.#writePart(table, part);
      if (refusal === undefined) continue;
      if (part.length === 1 || ++refusals >= REFUSALS_A_BATCH) {
        this.#countRefused(table, part.length, refusal);
      } else {
        const half = part.length >> 1;
        parts.push(part.slice(half), part.slice(0, half));
      }
    }
  }

  /** Tries until the rows are written or dropped; answers why where the store refuses them. */
  async #writePart<Table extends HistoryTable>(table: Table, rows: readonly RowOf[Table][]): Promise<unknown> {
    const { backend, delay } = this.#options;
    const token = randomUUID();
    for (let attempt = 1; ; attempt++) {
      try {
        await backend.insert(table, rows, token);
        this.#counts[table].written += rows.length;
        this.#noteSuccess();
        return undefined;
      } catch (error) {
        if (isRefusal(error)) return error;
        this.#noteFailure(error);
        if (this.#stopping.signal.aborted || isFull(error)) {
          this.#drop(table, rows.length);
          return undefined;
        }
        await delay(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempt - 1)), this.#stopping.signal);
      }
    }
  }

  #countRefused(table: HistoryTable, rows: number, reason: unknown): void {
    this.#counts[table].error += rows;
    this.#refusedSinceLogged += rows;
    const now = performance.now();
    if (now < this.#logRefusalsAt) return;
    const fields = { table, rows: this.#refusedSinceLogged, reason: messageOf(reason) };
    this.#logRefusalsAt = now + REFUSAL_LOG_INTERVAL_MS;
    this.#refusedSinceLogged = 0;
    this.#options.onLog({ level: 'error', message: 'the store refused history rows, they are lost', fields });
  }

  /** One line when it begins to fail, one when it is over; what is between shows in the counters. */
  #noteFailure(error: unknown): void {
    if (this.#failingSince !== undefined) return;
    this.#failingSince = performance.now();
    const fields = { reason: messageOf(error) };
    this.#options.onLog({ level: 'error', message: 'history cannot be written', fields });
  }

  #noteSuccess(): void {
    if (this.#failingSince === undefined) return;
    const seconds = Math.round((performance.now() - this.#failingSince) / 1000);
    const fields = { seconds, rows_dropped: this.#droppedSinceLogged };
    this.#failingSince = undefined;
    this.#droppedSinceLogged = 0;
    this.#options.onLog({ level: 'info', message: 'history can be written again', fields });
  }

  #drop(table: HistoryTable, rows: number): void {
    this.#counts[table].dropped += rows;
    if (this.#droppedSinceLogged === 0) {
      const fields = { queue_size: this.#options.queueSize };
      this.#options.onLog({ level: 'warn', message: 'no room for more history rows, some are dropped', fields });
    }
    this.#droppedSinceLogged += rows;
  }
}

/** Every count at zero. */
export function noCounts(): MutableCounts {
  const zero = () => ({ written: 0, dropped: 0, error: 0 });
  return { attack_events: zero(), traffic: zero(), audit_events: zero() };
}

/** An error that no backend knows counts as the rows' own fault, so that it cannot stop all others for good. */
function isRefusal(error: unknown): boolean {
  return !(error instanceof HistoryError) || error.fault === 'refused';
}

function isFull(error: unknown): boolean {
  return error instanceof HistoryError && error.fault === 'full';
}
