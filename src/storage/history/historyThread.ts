/*
 * History on the main thread's side: adding rows never blocks, and questions are promises. A thread of its own has the
 * store. If that thread hangs, for example on its disk, only a bounded number of rows waits here; further rows are
 * dropped and counted. A thread that ends is started again, and the daemon continues.
 */
import { Worker } from 'node:worker_threads';
import type { AuditQuery } from '../../auditEvent.ts';
import { messageOf } from '../../errors.ts';
import type { FromHistory, HistoryAnswers, HistoryAsk, HistorySettings, ToHistory } from './historyMessages.ts';
import {
  type AttackEventRow,
  type AuditEventRow,
  HISTORY_TABLES,
  type HistoryTable,
  ROW_RESULTS,
  type RowCounts,
} from './historyRows.ts';
import {
  type AttackQuery,
  HistoryError,
  type HistoryReader,
  type Page,
  type PastAttack,
  type PastIncident,
  type TrafficPoint,
  type TrafficQuery,
} from './historyStore.ts';
import { type HistoryLogLine, noCounts } from './historyWriter.ts';
import type { TrafficSample } from './trafficIntervals.ts';

/** The worker beside this file, as TypeScript or as compiled JavaScript. */
const ENTRY = new URL(`./historyWorker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

const QUERY_TIMEOUT_MS = 15_000;
/** While the thread writes ten thousand rows of traffic, a scrape of the metrics does not wait for it. */
const COUNTS_TIMEOUT_MS = 50;
const STOP_TIMEOUT_MS = 5000;
const RESTART_AFTER_MS = 5000;

/** Most traffic samples that the thread has not received yet. */
const MAX_SAMPLES = 4;

/** Most questions at a time. */
const MAX_QUESTIONS = 64;

interface Question {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class HistoryThread implements HistoryReader {
  readonly #settings: HistorySettings;
  readonly #onLog: (line: HistoryLogLine) => void;
  readonly #questions = new Map<number, Question>();
  /** Rows that were lost on this side or with a thread that ended. */
  readonly #lost = noCounts();
  #counts: RowCounts = noCounts();
  #worker: Worker | undefined;
  #restarter: NodeJS.Timeout | undefined;
  #lastId = 0;
  /** Rows sent to the thread that it has not received yet. */
  #rowsSent = 0;
  #samplesSent = 0;
  #isOver = false;

  /** Starts the thread. */
  constructor(settings: HistorySettings, onLog: (line: HistoryLogLine) => void) {
    this.#settings = settings;
    this.#onLog = onLog;
    this.#start();
  }

  addAttackEvent(row: AttackEventRow): void {
    if (this.#hasRoom('attack_events')) this.#send({ type: 'rows', table: 'attack_events', rows: [row] });
  }

  addAuditEvent(row: AuditEventRow): void {
    if (this.#hasRoom('audit_events')) this.#send({ type: 'rows', table: 'audit_events', rows: [row] });
  }

  /** The sample's arrays are transferred: the caller cannot use them afterwards. */
  addTraffic(sample: TrafficSample): void {
    if (this.#worker === undefined || this.#samplesSent >= MAX_SAMPLES) {
      this.#lost.traffic.dropped += sample.hosts.count;
      return;
    }
    this.#samplesSent++;
    const { groupRates, hosts } = sample;
    const buffers = [groupRates, hosts.addresses, hosts.groups, hosts.rates].map(({ buffer }) => buffer as ArrayBuffer);
    this.#send({ type: 'sample', sample }, buffers);
  }

  attacks(query: AttackQuery): Promise<Page<PastAttack>> {
    return this.#ask({ name: 'attacks', query }, QUERY_TIMEOUT_MS);
  }

  attack(attackId: string): Promise<PastIncident | undefined> {
    return this.#ask({ name: 'attack', attackId }, QUERY_TIMEOUT_MS);
  }

  traffic(query: TrafficQuery): Promise<readonly TrafficPoint[]> {
    return this.#ask({ name: 'traffic', query }, QUERY_TIMEOUT_MS);
  }

  audit(query: AuditQuery): Promise<Page<AuditEventRow>> {
    return this.#ask({ name: 'audit', query }, QUERY_TIMEOUT_MS);
  }

  /** Rows by result since the start; the last known counts where the thread does not answer. */
  async counts(): Promise<RowCounts> {
    try {
      this.#counts = await this.#ask({ name: 'counts' }, COUNTS_TIMEOUT_MS);
    } catch (error) {
      if (!(error instanceof HistoryError)) throw error;
    }
    return sumOf(this.#counts, this.#lost);
  }

  /** Writes the waiting rows, for at most five seconds, and ends the thread. */
  async stop(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#restarter);
    try {
      await this.#ask({ name: 'stop' }, STOP_TIMEOUT_MS);
    } catch (error) {
      this.#log('warn', 'the last history rows were not written', { reason: messageOf(error) });
    }
    await this.#worker?.terminate();
  }

  #start(): void {
    this.#rowsSent = 0;
    this.#samplesSent = 0;
    const worker = new Worker(ENTRY, { workerData: this.#settings, name: 'history' });
    worker.on('message', (message: FromHistory) => this.#handle(message));
    worker.on('error', (error) => this.#log('error', 'the history thread failed', { reason: messageOf(error) }));
    worker.on('exit', () => this.#end());
    // The thread alone does not keep the process running. A clean stop waits for its last answer.
    worker.unref();
    this.#worker = worker;
  }

  #handle(message: FromHistory): void {
    switch (message.type) {
      case 'taken':
        this.#rowsSent -= message.rows;
        this.#samplesSent -= message.samples;
        return;
      case 'answer':
        this.#questions.get(message.id)?.resolve(message.answer);
        return;
      case 'failed':
        this.#questions.get(message.id)?.reject(new HistoryError(message.fault, message.message));
        return;
      case 'log':
        this.#onLog(message.line);
    }
  }

  #end(): void {
    this.#worker = undefined;
    for (const { reject } of [...this.#questions.values()])
      reject(new HistoryError('unavailable', 'the history thread ended'));
    if (this.#isOver) return;
    addTo(this.#lost, this.#counts);
    this.#counts = noCounts();
    this.#restarter = setTimeout(() => this.#start(), RESTART_AFTER_MS);
  }

  #hasRoom(table: HistoryTable): boolean {
    if (this.#worker === undefined || this.#rowsSent >= this.#settings.limits.queueSize) {
      this.#lost[table].dropped++;
      return false;
    }
    this.#rowsSent++;
    return true;
  }

  #send(message: ToHistory, transfer: ArrayBuffer[] = []): void {
    this.#worker?.postMessage(message, transfer);
  }

  #ask<A extends HistoryAsk>(ask: A, timeoutMs: number): Promise<HistoryAnswers[A['name']]> {
    const asked = Promise.withResolvers<unknown>();
    if (this.#worker === undefined) asked.reject(new HistoryError('unavailable', 'history is being restarted'));
    if (this.#questions.size >= MAX_QUESTIONS) asked.reject(new HistoryError('unavailable', 'history is busy'));
    const id = ++this.#lastId;
    const late = new HistoryError('unavailable', `history gave no answer within ${timeoutMs / 1000} s`);
    const timer = setTimeout(() => asked.reject(late), timeoutMs);
    this.#questions.set(id, asked);
    this.#send({ type: 'ask', id, ask });
    return asked.promise.finally(() => {
      clearTimeout(timer);
      this.#questions.delete(id);
    }) as Promise<HistoryAnswers[A['name']]>;
  }

  #log(level: HistoryLogLine['level'], message: string, fields: HistoryLogLine['fields']): void {
    this.#onLog({ level, message, fields });
  }
}

function sumOf(a: RowCounts, b: RowCounts): RowCounts {
  const sum = noCounts();
  addTo(sum, a);
  addTo(sum, b);
  return sum;
}

function addTo(sum: ReturnType<typeof noCounts>, counts: RowCounts): void {
  for (const table of HISTORY_TABLES) {
    for (const result of ROW_RESULTS) sum[table][result] += counts[table][result];
  }
}
