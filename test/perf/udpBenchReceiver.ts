/*
 * A receiving side of the UDP benchmark, a process of its own. `bare` has a thread that does nothing with a datagram
 * of node:dgram but count it: the most that any Node.js program can receive with that module. `dgram` and `recvmmsg`
 * have a thread that does what Kapkan's receiving thread does, through either. All receive in a worker thread, into a
 * receive buffer of the same size, while the main thread is idle; so the processor time of the process is that of the
 * receiving thread.
 */
import v8 from 'node:v8';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { SystemClock } from '../../src/clock.ts';
import { planOf } from '../../src/engine/enginePlan.ts';
import type { TelemetryKind } from '../../src/ingest/datagramBatch.ts';
import type { ReceiveMethod } from '../../src/ingest/datagramSource.ts';
import { chooseSockets, openSource } from '../../src/ingest/openSource.ts';
import { Receiver } from '../../src/ingest/receiver.ts';
import { receiverSettingsOf } from '../../src/ingest/receiverSettings.ts';
import { type ListenerAddress, openListener, probeListeners } from '../../src/ingest/udpListener.ts';
import { benchConfig } from './benchTelemetry.ts';

const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

const TICK_MS = 100;

export type ReceiverMode = 'bare' | ReceiveMethod;

/** What the parent is told when it asks. */
export interface ReceivedSoFar {
  readonly datagrams: number;
  readonly flows: number;
  /** Processor time of the process, in microseconds. */
  readonly cpuMicros: number;
  /** Heap bytes that the receiving thread allocated. */
  readonly heapBytes: number;
  /** Of the bare one, so that it looks at what it gets. */
  readonly bytes?: number;
}

type Counts = Omit<ReceivedSoFar, 'cpuMicros' | 'heapBytes'>;

interface ThreadSetup {
  readonly mode: ReceiverMode;
  readonly listener: ListenerAddress;
}

/** Returns what is received from then on. */
async function receiveBare(listener: ListenerAddress): Promise<() => Counts> {
  const socket = await openListener(listener, RECEIVE_BUFFER_BYTES);
  let datagrams = 0;
  let bytes = 0;
  socket.on('message', (payload, from) => {
    datagrams++;
    bytes += payload.length + from.size;
  });
  return () => ({ datagrams, flows: 0, bytes });
}

async function receiveAsKapkan(listener: ListenerAddress, receive: ReceiveMethod): Promise<() => Counts> {
  const config = benchConfig();
  const settings = receiverSettingsOf(config, planOf(config, 1, 1));
  const clock = new SystemClock();
  const receiver = new Receiver(settings, clock.now());
  const options = { receiveBufferBytes: RECEIVE_BUFFER_BYTES, threads: 1 };
  const { sockets, unavailable } = chooseSockets(receive, [listener], options);
  if (unavailable !== undefined) throw new Error(`recvmmsg cannot be measured: ${unavailable}`);
  await openSource(
    { listeners: [listener], receiveBufferBytes: RECEIVE_BUFFER_BYTES, descriptors: sockets?.descriptors[0] },
    (batch) => receiver.receiveAll(batch, clock.now()),
    () => TICK_MS,
  );
  setInterval(() => receiver.tick(clock.now()), TICK_MS);
  return () => {
    const { exporters, flows } = receiver.snapshot(clock.now());
    const datagrams = exporters.reduce((sum, exporter) => sum + exporter.datagrams, 0);
    return { datagrams, flows: flows.netflow5 + flows.netflow9 + flows.ipfix + flows.sflow5 };
  };
}

async function receivingThread({ mode, listener }: ThreadSetup): Promise<void> {
  const received = await (mode === 'bare' ? receiveBare(listener) : receiveAsKapkan(listener, mode));
  parentPort?.on('message', () => {
    const heapBytes = v8.getHeapStatistics().total_allocated_bytes;
    parentPort?.postMessage({ ...received(), heapBytes });
  });
  parentPort?.postMessage('ready');
}

async function main(): Promise<void> {
  const [mode, kind] = process.argv.slice(2) as [ReceiverMode, TelemetryKind];
  const loopback = [{ host: '127.0.0.1', port: 0 }];
  const [listener] = await probeListeners({ netflow: [], sflow: [], [kind]: loopback });
  const worker = new Worker(new URL(import.meta.url), { workerData: { mode, listener } satisfies ThreadSetup });
  const next = <T>(): Promise<T> => new Promise((resolve) => worker.once('message', resolve));
  await next();
  process.on('message', async () => {
    worker.postMessage('count');
    const received = await next<Omit<ReceivedSoFar, 'cpuMicros'>>();
    const { user, system } = process.cpuUsage();
    process.send?.({ ...received, cpuMicros: user + system } satisfies ReceivedSoFar);
  });
  process.on('disconnect', () => process.exit());
  process.send?.(listener.port);
}

await (isMainThread ? main() : receivingThread(workerData));
