/*
 * The entry of a receiving thread: opens a socket for each listener, hands every datagram to its Receiver, and answers
 * the main thread. Whatever it throws ends it, and the main thread hears of that; a thread that went on after a broken
 * invariant would be blind without saying so.
 */
import assert from 'node:assert/strict';
import type { Socket } from 'node:dgram';
import { parentPort, workerData } from 'node:worker_threads';
import { SystemClock } from '../clock.ts';
import { sliceBuffers } from '../engine/flowSlice.ts';
import { type HostReport, reportBuffers } from '../engine/hostReport.ts';
import type { TopHostsScan } from '../engine/topHosts.ts';
import { DatagramQueue, QUEUE_DATAGRAMS } from './datagramQueue.ts';
import type { BoundSocket, FromWorker, RequestMessage, ToWorker, WorkerSetup } from './messages.ts';
import { Receiver } from './receiver.ts';
import { BindError, grantedReceiveBuffer, type ListenerAddress, openListener } from './udpListener.ts';

/** Bounds what a tick adds to the time from first packet to route. */
const TICK_MS = 100;

const TICKS_PER_FAULT_LOG = 10;

/** Rows of the host table looked at between two looks at the sockets: about 2 ms. */
const ROWS_PER_SCAN_STEP = 20_000;

class ReceivingWorker {
  readonly #clock = new SystemClock();
  readonly #setup: WorkerSetup;
  readonly #post: (message: FromWorker, transfer?: ArrayBuffer[]) => void;
  readonly #receiver: Receiver;
  readonly #queue = new DatagramQueue(QUEUE_DATAGRAMS);
  #sockets: readonly Socket[] = [];
  #ticks = 0;
  #ticker: NodeJS.Timeout | undefined = undefined;

  constructor(setup: WorkerSetup, post: (message: FromWorker, transfer?: ArrayBuffer[]) => void) {
    this.#setup = setup;
    this.#post = post;
    this.#receiver = new Receiver(setup.settings, this.#clock.now());
  }

  async start(): Promise<void> {
    const opened = await Promise.allSettled(this.#setup.listeners.map((listener) => this.#open(listener)));
    this.#sockets = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failed = opened.find((result) => result.status === 'rejected');
    if (failed !== undefined) {
      this.#close();
      if (!(failed.reason instanceof BindError)) throw failed.reason;
      const { host, port, code } = failed.reason;
      this.#post({ type: 'failed', host, port, code });
      return;
    }
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#post({ type: 'listening', sockets: this.#setup.listeners.map((listener, i) => this.#bound(listener, i)) });
  }

  /** Takes a message from the main thread. */
  handle(message: ToWorker): void {
    this.#drain();
    if (message.type === 'watch') this.#receiver.watch(message.targets);
    else this.#answer(message);
  }

  async #open(listener: ListenerAddress): Promise<Socket> {
    const { receiveBufferBytes, reusePort } = this.#setup;
    const socket = await openListener(listener, { receiveBufferBytes, reusePort });
    const { kind } = listener;
    const queue = this.#queue;
    socket.on('message', (payload, from) => {
      if (queue.isFull) this.#drain();
      // Immediates run when the event loop has handed out what the sockets had, and before any timer.
      if (queue.count === 0) setImmediate(this.#drain);
      queue.put(kind, payload, from.address);
    });
    socket.on('error', (error) => {
      throw error;
    });
    return socket;
  }

  #drain = (): void => {
    if (this.#queue.count > 0) this.#receiver.receiveAll(this.#queue, this.#clock.now());
  };

  #bound(listener: ListenerAddress, i: number): BoundSocket {
    return { listener, receiveBufferBytes: grantedReceiveBuffer(this.#sockets[i]) };
  }

  #tick(): void {
    const now = this.#clock.now();
    const report = this.#receiver.tick(now);
    this.#post({ type: 'report', report }, reportBuffers(report));
    if (++this.#ticks % TICKS_PER_FAULT_LOG !== 0) return;
    for (const line of this.#receiver.faultLines(now)) this.#post({ type: 'log', line });
  }

  #answer({ id, ask }: RequestMessage): void {
    const now = this.#clock.now();
    switch (ask.name) {
      case 'snapshot':
        this.#post({ type: 'answer', id, answer: this.#receiver.snapshot(now) });
        return;
      case 'sample': {
        const slice = this.#receiver.sample(ask.targets, now);
        this.#post({ type: 'answer', id, answer: slice }, sliceBuffers(slice));
        return;
      }
      case 'topHosts':
        this.#scan(this.#receiver.beginTopHosts(ask.query), (report) => {
          this.#post({ type: 'answer', id, answer: report }, reportBuffers(report));
        });
        return;
      case 'traffic': {
        const scan = this.#receiver.beginTraffic(ask.limit);
        this.#scan(scan, (hosts, busyMs) => {
          const answer = { hosts, groupRates: scan.groupRates, busyMs };
          this.#post({ type: 'answer', id, answer }, [...reportBuffers(hosts), scan.groupRates.buffer]);
        });
        return;
      }
      case 'reconfigure':
        this.#receiver.reconfigure(ask.plan, ask.exporters, now);
        this.#post({ type: 'answer', id, answer: null });
        return;
      case 'stop':
        this.#close();
        this.#post({ type: 'answer', id, answer: null });
    }
  }

  /** Looks through the host table in steps, between which the sockets have their turn. */
  #scan(scan: TopHostsScan, done: (report: HostReport, busyMs: number) => void, busyMs = 0): void {
    const startedAt = performance.now();
    this.#receiver.stepTopHosts(scan, ROWS_PER_SCAN_STEP, this.#clock.now());
    const report = scan.done ? this.#receiver.topHostsReport(scan, this.#clock.now()) : undefined;
    const busyNow = busyMs + performance.now() - startedAt;
    if (report !== undefined) done(report, busyNow);
    else setImmediate(() => this.#scan(scan, done, busyNow));
  }

  #close(): void {
    clearInterval(this.#ticker);
    for (const socket of this.#sockets) socket.close();
    this.#sockets = [];
  }
}

assert(parentPort !== null, 'a receiving worker runs in a worker thread');
const port = parentPort;
const worker = new ReceivingWorker(workerData as WorkerSetup, (message, transfer = []) => {
  port.postMessage(message, transfer);
});
port.on('message', (message: ToWorker) => {
  worker.handle(message);
  // With its sockets closed and nobody to listen to, the thread ends.
  if (message.type === 'request' && message.ask.name === 'stop') port.close();
});
await worker.start();
