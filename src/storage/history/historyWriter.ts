/*
 * The queue in front of a history backend. It is bounded, writes in batches, and retries while the store is
 * unavailable. Rows that do not fit are dropped and counted. A row counts as written only after the store confirmed it.
 * A batch keeps its rows and its token over all attempts, so that it is not stored twice if an answer was lost. A
 * refused batch is halved until the bad row is alone, so that only that row is lost.
 */
import { randomUUID } from 'node:crypto';
import { messageOf } from '../../errors.ts';
import { boundedRow } from './boundedRow.ts';
import { HISTORY_TABLES, type HistoryTable, type RowCounts, type RowOf, type RowResult } from './historyRows.ts';
import { type HistoryBackend, HistoryError } from './historyStore.ts';

/**
 * Most refused inserts while the bad rows of one batch are searched: enough for about ten bad rows in ten thousand.
 * After that, the remaining parts count as refused, so that a broken table does not cause thousands of requests.
 */
const REFUSALS_A_BATCH = 256;

/** Refused rows are logged at most this often. The counters count all of them. */
const REFUSAL_LOG_INTERVAL_MS = 60_000;

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

export interface WriterLimits {
  /** Most rows that wait or are being written. */
  readonly queueSize: number;
  /** With this many rows of a table, a write starts at once. */
  readonly batchSize: number;
  /** Most rows of one insert, when many rows wait. */
  readonly maxBatchSize: number;
  /** A row waits at most this long for others. */
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
  /** Monotonic milliseconds, from any origin. */
  readonly now: () => number;
  /** Waits before another attempt, or until the signal. */
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
  /** The write in progress, and the flush that follows it. */
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

  /** Writes all rows that wait now. Resolves when each of them was written, dropped or refused. */
  flush(): Promise<void> {
    if (this.#current === undefined) return this.#begin(true);
    this.#next ??= this.#current.then(() => {
      this.#next = undefined;
      return this.flush();
    });
    return this.#next;
  }

  /** Tries once more to write the waiting rows and drops the rest. */
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

  /**
   * Writes full batches, or all rows that wait at the start. Rows that arrive meanwhile are left, except full batches.
   */
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

  /** Tries until the rows are written or dropped. Answers the error where the store refuses them. */
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
    const now = this.#options.now();
    if (now < this.#logRefusalsAt) return;
    const fields = { table, rows: this.#refusedSinceLogged, reason: messageOf(reason) };
    this.#logRefusalsAt = now + REFUSAL_LOG_INTERVAL_MS;
    this.#refusedSinceLogged = 0;
    this.#options.onLog({ level: 'error', message: 'the store refused history rows; they are lost', fields });
  }

  /** Logs one line when writing starts to fail and one when it works again. */
  #noteFailure(error: unknown): void {
    if (this.#failingSince !== undefined) return;
    this.#failingSince = this.#options.now();
    const fields = { reason: messageOf(error) };
    this.#options.onLog({ level: 'error', message: 'history cannot be written', fields });
  }

  #noteSuccess(): void {
    if (this.#failingSince === undefined) return;
    const seconds = Math.round((this.#options.now() - this.#failingSince) / 1000);
    const fields = { seconds, rows_dropped: this.#droppedSinceLogged };
    this.#failingSince = undefined;
    this.#droppedSinceLogged = 0;
    this.#options.onLog({ level: 'info', message: 'history can be written again', fields });
  }

  #drop(table: HistoryTable, rows: number): void {
    this.#counts[table].dropped += rows;
    if (this.#droppedSinceLogged === 0) {
      const fields = { queue_size: this.#options.queueSize };
      this.#options.onLog({ level: 'warn', message: 'the history queue is full; rows are dropped', fields });
    }
    this.#droppedSinceLogged += rows;
  }
}

/** Every count at zero. */
export function noCounts(): MutableCounts {
  const zero = () => ({ written: 0, dropped: 0, error: 0 });
  return { attack_events: zero(), traffic: zero(), audit_events: zero() };
}

/** An unknown error counts as a refusal, so that it cannot block all other rows forever. */
function isRefusal(error: unknown): boolean {
  return !(error instanceof HistoryError) || error.fault === 'refused';
}

function isFull(error: unknown): boolean {
  return error instanceof HistoryError && error.fault === 'full';
}
