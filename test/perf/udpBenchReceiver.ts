/*
 * A receiving side of the UDP benchmark, a process of its own. `bare` has a thread that does nothing with a datagram
 * but count it: the most that any Node.js program can receive. `kapkan` has a ReceiverPool with one worker. Both
 * receive in a worker thread, into a receive buffer of the same size, while the main thread is idle; so the processor
 * time of the process is that of the receiving thread.
 */
import v8 from 'node:v8';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { SystemClock } from '../../src/clock.ts';
import { planOf } from '../../src/engine/enginePlan.ts';
import { ReceiverPool } from '../../src/ingest/receiverPool.ts';
import { openListener, type TelemetryKind } from '../../src/ingest/udpListener.ts';
import { benchConfig } from './benchTelemetry.ts';

const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** What the parent is told when it asks. */
export interface ReceivedSoFar {
  readonly datagrams: number;
  readonly flows: number;
  /** Processor time of the process, in microseconds. */
  readonly cpuMicros: number;
  /** Heap bytes the receiving thread allocated; of the bare one only. */
  readonly heapBytes: number;
}

interface Side {
  readonly port: number;
  received(): Promise<Omit<ReceivedSoFar, 'cpuMicros'>>;
}

async function bareThread(): Promise<void> {
  const address = { kind: 'netflow' as const, host: '127.0.0.1', port: 0, ipv6Only: false };
  const socket = await openListener(address, { receiveBufferBytes: RECEIVE_BUFFER_BYTES, reusePort: false });
  let datagrams = 0;
  let bytes = 0;
  socket.on('message', (payload, from) => {
    datagrams++;
    bytes += payload.length + from.size;
  });
  parentPort?.on('message', () => {
    const heapBytes = v8.getHeapStatistics().total_allocated_bytes;
    parentPort?.postMessage({ datagrams, flows: 0, heapBytes, bytes });
  });
  parentPort?.postMessage(socket.address().port);
}

async function bareSide(): Promise<Side> {
  const worker = new Worker(new URL(import.meta.url));
  const next = <T>(): Promise<T> => new Promise((resolve) => worker.once('message', resolve));
  return {
    port: await next<number>(),
    received: () => {
      worker.postMessage('count');
      return next();
    },
  };
}

async function kapkanSide(kind: TelemetryKind): Promise<Side> {
  const loopback = [{ host: '127.0.0.1', port: 0 }];
  const config = {
    ...benchConfig(),
    listen: { netflow: kind === 'netflow' ? loopback : [], sflow: kind === 'sflow' ? loopback : [] },
    ingest: { workers: 1, receiveBufferBytes: RECEIVE_BUFFER_BYTES },
  };
  const pool = new ReceiverPool(config, planOf(config, 1, 1), new SystemClock(), {
    onReport: () => {},
    onLog: () => {},
    onFailure: (error) => {
      throw error;
    },
  });
  await pool.start();
  const [address] = pool.boundAddresses();
  return {
    port: Number(address.slice(address.lastIndexOf(':') + 1)),
    received: async () => {
      const { exporters, flows } = await pool.snapshot();
      const datagrams = exporters.reduce((sum, exporter) => sum + exporter.datagrams, 0);
      return { datagrams, flows: flows.netflow5 + flows.netflow9 + flows.ipfix + flows.sflow5, heapBytes: 0 };
    },
  };
}

async function main(): Promise<void> {
  const [mode, kind] = process.argv.slice(2);
  const side = mode === 'bare' ? await bareSide() : await kapkanSide(kind === 'sflow' ? 'sflow' : 'netflow');
  process.on('message', async () => {
    const received = await side.received();
    const { user, system } = process.cpuUsage();
    process.send?.({ ...received, cpuMicros: user + system } satisfies ReceivedSoFar);
  });
  process.on('disconnect', () => process.exit());
  process.send?.(side.port);
}

await (isMainThread ? main() : bareThread());
