/*
 * The main thread's handle of one receiving worker: starts the thread, sends requests, and reports its failure. A
 * worker has failed when it ends without a request to stop, throws, or is silent for too long. The pool replaces it.
 */
import { Worker } from 'node:worker_threads';
import type { HostReport } from '../engine/hostReport.ts';
import { messageOf } from '../errors.ts';
import type { Address } from '../net/address.ts';
import type { FromWorker, OpenedSockets, ToWorker, WorkerRequest, WorkerResponses, WorkerSetup } from './messages.ts';
import type { LogLine } from './telemetryWarnings.ts';
import { BindError } from './udpListener.ts';

/** Next to this file, both in TypeScript and when it was built into JavaScript. */
const ENTRY = new URL(`./receivingWorker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

/** Checks, one a second, without a report in between, after which a worker counts as hanging. */
const SILENT_CHECKS = 30;

const CLOSE_TIMEOUT_MS = 2000;

/** The events of a worker. */
export interface WorkerEvents {
  onReport(report: HostReport): void;
  onLog(line: LogLine): void;
  /** Called at most once, and never after `stop`. */
  onFailure(error: Error): void;
}

export class WorkerHandle {
  readonly #name: string;
  readonly #events: WorkerEvents;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #listening = Promise.withResolvers<OpenedSockets>();
  readonly #pending = new Map<number, (response: unknown) => void>();
  #isListening = false;
  #lastId = 0;
  #checksWithoutReport = 0;
  /** It was stopped or has failed: further reports and failures are ignored. */
  #ended = false;

  /** `name` is used in logs and errors. */
  constructor(name: string, setup: WorkerSetup, events: WorkerEvents) {
    this.#name = name;
    this.#events = events;
    this.#worker = new Worker(ENTRY, { workerData: setup, name });
    this.#exited = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
    this.#worker.on('message', (message: FromWorker) => this.#handle(message));
    this.#worker.on('error', (error) => this.#fail(`threw: ${messageOf(error)}`, error));
    this.#worker.on('exit', (code) => this.#fail(`ended with code ${code}`));
  }

  /** The sockets that it opened. Rejects with a BindError, or with the error that stopped it from starting. */
  started(): Promise<OpenedSockets> {
    return this.#listening.promise;
  }

  /**
   * Sends a request. Resolves with undefined where the worker has failed, or does not respond within `timeoutMs`; the
   * worker still carries the request out. Without a timeout it waits until the worker responds or fails.
   */
  request<R extends WorkerRequest>(request: R, timeoutMs?: number): Promise<WorkerResponses[R['name']] | undefined> {
    if (this.#ended) return Promise.resolve(undefined);
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      const settle = (response: unknown): void => {
        clearTimeout(timer);
        this.#pending.delete(id);
        resolve(response as WorkerResponses[R['name']] | undefined);
      };
      const timer = timeoutMs === undefined ? undefined : setTimeout(settle, timeoutMs, undefined);
      this.#pending.set(id, settle);
      this.#send({ type: 'request', id, request });
    });
  }

  watch(targets: readonly Address[]): void {
    this.#send({ type: 'watch', targets });
  }

  /** The watchdog, called once a second: a worker that sends no report for too long has failed. */
  checkAlive(): void {
    this.#checksWithoutReport++;
    if (this.#checksWithoutReport === SILENT_CHECKS) this.#fail(`has been silent for ${SILENT_CHECKS} seconds`);
  }

  /** Lets the worker close its sockets and end. Terminates it where it does not respond. */
  async stop(): Promise<void> {
    const response = this.request({ name: 'stop' }, CLOSE_TIMEOUT_MS);
    this.#ended = true;
    if ((await response) === undefined) await this.#worker.terminate();
    await this.#exited;
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #handle(message: FromWorker): void {
    switch (message.type) {
      case 'report':
        this.#checksWithoutReport = 0;
        if (!this.#ended) this.#events.onReport(message.report);
        return;
      case 'response':
        this.#pending.get(message.id)?.(message.response);
        return;
      case 'log':
        this.#events.onLog(message.line);
        return;
      case 'listening':
        this.#isListening = true;
        this.#listening.resolve(message);
        return;
      case 'failed':
        this.#ended = true;
        this.#listening.reject(new BindError(message.host, message.port, message.code));
    }
  }

  #fail(what: string, cause?: unknown): void {
    for (const settle of [...this.#pending.values()]) settle(undefined);
    if (this.#ended) return;
    this.#ended = true;
    const error = new Error(`${this.#name} ${what}`, { cause });
    if (this.#isListening) this.#events.onFailure(error);
    else this.#listening.reject(error);
  }
}
