/*
 * The main thread's end of one receiving worker: starts the thread, asks it, and tells when it died. A worker that ends
 * without having been told to, throws, or falls silent has failed, once and for good.
 */
import { Worker } from 'node:worker_threads';
import type { HostReport } from '../engine/hostReport.ts';
import { messageOf } from '../errors.ts';
import type { Address } from '../net/address.ts';
import type { LogLine } from './faultLog.ts';
import type { Answers, Ask, BoundSocket, FromWorker, ToWorker, WorkerSetup } from './messages.ts';
import { BindError } from './udpListener.ts';

/** Beside this file, whether it runs as written or was built into JavaScript. */
const ENTRY = new URL(`./receivingWorker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/** Looks at a worker, a second apart, without a report between them, after which it is taken for stuck. */
const SILENT_LOOKS = 30;

const CLOSE_TIMEOUT_MS = 2000;

/** What happens to a worker, for its owner. */
export interface WorkerEvents {
  onReport(report: HostReport): void;
  onLog(line: LogLine): void;
  /** At most once, and not after `stop`. */
  onFailure(error: Error): void;
}

export class WorkerHandle {
  readonly #name: string;
  readonly #events: WorkerEvents;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #listening = Promise.withResolvers<readonly BoundSocket[]>();
  readonly #pending = new Map<number, (answer: unknown) => void>();
  #isListening = false;
  #lastId = 0;
  #looksWithoutReport = 0;
  /** Told to stop, or failed: what comes now is no news. */
  #over = false;

  /** `name` is what logs and errors call it. */
  constructor(name: string, setup: WorkerSetup, events: WorkerEvents) {
    this.#name = name;
    this.#events = events;
    this.#worker = new Worker(ENTRY, { workerData: setup, name });
    this.#exited = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
    this.#worker.on('message', (message: FromWorker) => this.#handle(message));
    this.#worker.on('error', (error) => this.#fail(`threw: ${messageOf(error)}`, error));
    this.#worker.on('exit', (code) => this.#fail(`ended with code ${code}`));
  }

  /** The sockets it opened; rejects with a BindError, or with what else kept it from starting. */
  started(): Promise<readonly BoundSocket[]> {
    return this.#listening.promise;
  }

  /**
   * Undefined where no answer came in time, though the worker still does what it was asked, or where it has failed.
   * Without a time limit it is waited for until then.
   */
  ask<A extends Ask>(ask: A, timeoutMs?: number): Promise<Answers[A['name']] | undefined> {
    if (this.#over) return Promise.resolve(undefined);
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      const settle = (answer: unknown): void => {
        clearTimeout(timer);
        this.#pending.delete(id);
        resolve(answer as Answers[A['name']] | undefined);
      };
      const timer = timeoutMs === undefined ? undefined : setTimeout(settle, timeoutMs, undefined);
      this.#pending.set(id, settle);
      this.#send({ type: 'request', id, ask });
    });
  }

  watch(targets: readonly Address[]): void {
    this.#send({ type: 'watch', targets });
  }

  /** To be called once a second: a worker that goes on and on without a report is stuck. */
  look(): void {
    this.#looksWithoutReport++;
    if (this.#looksWithoutReport === SILENT_LOOKS) this.#fail(`has been silent for ${SILENT_LOOKS} seconds`);
  }

  /** Lets it close its sockets and end; ends it by force where it does not. */
  async stop(): Promise<void> {
    const answered = this.ask({ name: 'stop' }, CLOSE_TIMEOUT_MS);
    this.#over = true;
    if ((await answered) === undefined) await this.#worker.terminate();
    await this.#exited;
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #handle(message: FromWorker): void {
    switch (message.type) {
      case 'report':
        this.#looksWithoutReport = 0;
        if (!this.#over) this.#events.onReport(message.report);
        return;
      case 'answer':
        this.#pending.get(message.id)?.(message.answer);
        return;
      case 'log':
        this.#events.onLog(message.line);
        return;
      case 'listening':
        this.#isListening = true;
        this.#listening.resolve(message.sockets);
        return;
      case 'failed':
        this.#over = true;
        this.#listening.reject(new BindError(message.host, message.port, message.code));
    }
  }

  #fail(what: string, cause?: unknown): void {
    for (const settle of [...this.#pending.values()]) settle(undefined);
    if (this.#over) return;
    this.#over = true;
    const error = new Error(`${this.#name} ${what}`, { cause });
    if (this.#isListening) this.#events.onFailure(error);
    else this.#listening.reject(error);
  }
}
