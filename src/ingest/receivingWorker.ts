/*
 * The entry point of a receiving thread: opens the sockets of the listeners, passes every datagram to its Receiver, and
 * answers the main thread's requests. An exception ends the thread, and the main thread is notified: a thread that
 * continued after a broken invariant could miss attacks silently.
 */
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import { SystemClock } from '../clock.ts';
import { sliceBuffers } from '../engine/flowSlice.ts';
import { type HostReport, reportBuffers } from '../engine/hostReport.ts';
import type { TopHostsScan } from '../engine/topHosts.ts';
import type { DatagramSource } from './datagramSource.ts';
import type { IngestSnapshot } from './ingestSnapshot.ts';
import type { FromWorker, RequestMessage, ToWorker, WorkerSetup } from './messages.ts';
import { openSource } from './openSource.ts';
import { Receiver } from './receiver.ts';
import { BindError } from './udpListener.ts';

/**
 * The time between two ticks, which a flood goes on unseen: the shorter one where datagrams come in, as long as ticks take
 * no more than this part of the thread's time.
 */
const TICK_MS = 25;
const LONGEST_TICK_MS = 100;
const TICK_PART = 1 / 50;

const WARNINGS_MS = 1000;

/**
 * Rows of the host table that are scanned before the sockets are read again: about 10 ms, in which half of a receive
 * buffer fills under overload. With fewer, a scan of a million hosts takes a second there, as the sockets are always full.
 */
const ROWS_PER_SCAN_STEP = 100_000;

class ReceivingWorker {
  readonly #clock = new SystemClock();
  readonly #setup: WorkerSetup;
  readonly #post: (message: FromWorker, transfer?: ArrayBuffer[]) => void;
  readonly #receiver: Receiver;
  #source: DatagramSource | undefined = undefined;
  #warnedAt = 0;
  #tickDueAt = 0;
  /** Whether a datagram came in since the last tick. */
  #isBusy = false;
  #ticker: NodeJS.Timeout | undefined = undefined;

  constructor(setup: WorkerSetup, post: (message: FromWorker, transfer?: ArrayBuffer[]) => void) {
    this.#setup = setup;
    this.#post = post;
    this.#receiver = new Receiver(setup.settings, this.#clock.now());
  }

  async start(): Promise<void> {
    try {
      const source = await openSource(
        this.#setup,
        (datagrams) => {
          this.#isBusy = true;
          this.#receiver.receiveAll(datagrams, this.#clock.now());
        },
        () => this.#tickDueAt - this.#clock.now(),
      );
      this.#source = source;
      const { method, receiveBufferBytes } = source;
      this.#post({ type: 'listening', method, receiveBufferBytes });
    } catch (error) {
      if (!(error instanceof BindError)) throw error;
      const { host, port, code } = error;
      this.#post({ type: 'failed', host, port, code });
      return;
    }
    this.#tickIn(TICK_MS);
  }

  /** Handles a message of the main thread. */
  handle(message: ToWorker): void {
    if (message.type === 'watch') this.#receiver.watch(message.targets);
    else this.#respond(message);
  }

  #tickIn(milliseconds: number): void {
    this.#tickDueAt = this.#clock.now() + milliseconds;
    this.#ticker = setTimeout(() => this.#tick(), milliseconds);
  }

  #tick(): void {
    const startedAt = performance.now();
    const now = this.#clock.now();
    const report = this.#receiver.tick(now);
    this.#post({ type: 'report', report }, reportBuffers(report));
    if (now - this.#warnedAt >= WARNINGS_MS) {
      this.#warnedAt = now;
      for (const line of this.#receiver.warnings(now)) this.#post({ type: 'log', line });
    }
    const costMs = (performance.now() - startedAt) / TICK_PART;
    this.#tickIn(this.#isBusy ? Math.min(Math.max(TICK_MS, costMs), LONGEST_TICK_MS) : LONGEST_TICK_MS);
    this.#isBusy = false;
  }

  #respond({ id, request }: RequestMessage): void {
    const now = this.#clock.now();
    switch (request.name) {
      case 'snapshot':
        this.#post({ type: 'response', id, response: this.#snapshot(now) });
        return;
      case 'sample': {
        const slice = this.#receiver.sample(request.targets, now);
        this.#post({ type: 'response', id, response: slice }, sliceBuffers(slice));
        return;
      }
      case 'topHosts':
        this.#scan(this.#receiver.beginTopHosts(request.query), (report) => {
          this.#post({ type: 'response', id, response: report }, reportBuffers(report));
        });
        return;
      case 'traffic': {
        const scan = this.#receiver.beginTraffic(request.limit);
        this.#scan(scan, (hosts, busyMs) => {
          const response = { hosts, groupRates: scan.groupRates, busyMs };
          this.#post({ type: 'response', id, response }, [...reportBuffers(hosts), scan.groupRates.buffer]);
        });
        return;
      }
      case 'reconfigure':
        this.#receiver.reconfigure(request.plan, request.exporters, now);
        this.#post({ type: 'response', id, response: null });
        return;
      case 'stop':
        this.#close();
        this.#post({ type: 'response', id, response: null });
    }
  }

  #snapshot(now: number): IngestSnapshot {
    const receivingThreads = { recvmmsg: 0, dgram: 0 };
    if (this.#source !== undefined) receivingThreads[this.#source.method] = 1;
    return { ...this.#receiver.snapshot(now), receivingThreads };
  }

  /** Scans the host table in steps. Between two steps the sockets are read. */
  #scan(scan: TopHostsScan, done: (report: HostReport, busyMs: number) => void, busyMs = 0): void {
    const startedAt = performance.now();
    this.#receiver.stepTopHosts(scan, ROWS_PER_SCAN_STEP, this.#clock.now());
    const report = scan.done ? this.#receiver.topHostsReport(scan, this.#clock.now()) : undefined;
    const busyNow = busyMs + performance.now() - startedAt;
    if (report !== undefined) done(report, busyNow);
    else setImmediate(() => this.#scan(scan, done, busyNow));
  }

  #close(): void {
    clearTimeout(this.#ticker);
    this.#source?.close();
    this.#source = undefined;
  }
}

assert(parentPort !== null, 'a receiving worker runs in a worker thread');
const port = parentPort;
const worker = new ReceivingWorker(workerData as WorkerSetup, (message, transfer = []) => {
  port.postMessage(message, transfer);
});
port.on('message', (message: ToWorker) => {
  worker.handle(message);
  // The thread ends when its sockets and this port are closed.
  if (message.type === 'request' && message.request.name === 'stop') port.close();
});
await worker.start();
