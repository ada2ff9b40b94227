/*
 * Run with --expose-gc by a test: receives for some seconds while garbage is made and collected in the same thread, and
 * looks at every byte. Prints what happened as JSON. A sender in another thread fills each datagram with bytes that
 * follow from its first four, so a datagram that was written to the wrong place, or read after its memory was freed, does
 * not fit.
 */
import dgram from 'node:dgram';
import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import v8 from 'node:v8';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import type { DatagramBatch } from '../../src/ingest/datagramBatch.ts';
import { ListenerSockets } from '../../src/ingest/listenerSockets.ts';
import { openRecvmmsgSource } from '../../src/ingest/recvmmsgSource.ts';
import { probeListeners } from '../../src/ingest/udpListener.ts';

const SECONDS = 4;

/** Datagrams that the sender has on the way at once. */
const BURST = 64;

function lengthOf(number: number): number {
  return 4 + ((number * 37) % 1460);
}

function wordAt(number: number, i: number): number {
  return Math.imul(number + i, 0x9e3779b1) >>> 0;
}

function fill(number: number): Uint8Array {
  const bytes = new Uint8Array(lengthOf(number) & ~3);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, number);
  for (let at = 4; at < bytes.length; at += 4) view.setUint32(at, wordAt(number, at));
  return bytes;
}

function fits(view: DataView, length: number): boolean {
  const number = view.getUint32(0);
  if (length !== (lengthOf(number) & ~3)) return false;
  for (let at = 4; at < length; at += 4) if (view.getUint32(at) !== wordAt(number, at)) return false;
  return true;
}

function send(port: number): void {
  const socket = dgram.createSocket('udp4');
  let number = 0;
  const burst = (): void => {
    let unsent = BURST;
    const sent = (): void => {
      if (--unsent === 0) setImmediate(burst);
    };
    for (let i = 0; i < BURST; i++) socket.send(fill(number++), port, '127.0.0.1', sent);
  };
  burst();
}

/** Garbage of every kind: objects, and buffers whose bytes lie beside those that the kernel writes. */
function makeGarbage(): unknown[] {
  return Array.from({ length: 2000 }, (_, i) => ({
    text: `garbage ${i}`,
    bytes: new Uint8Array(i % 7 === 0 ? 4096 : 40),
  }));
}

async function receive(): Promise<void> {
  const [listener] = await probeListeners({ netflow: [{ host: '127.0.0.1', port: 0 }], sflow: [] });
  let datagrams = 0;
  let wrong = 0;
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  observer.observe({ entryTypes: ['gc'] });
  let garbage: unknown[] = [];
  const check = ({ count, views, lengths }: DatagramBatch): void => {
    for (let row = 0; row < count; row++) {
      // In the middle of a batch, so that what is left of it must survive.
      if (row === count >> 1) garbage = makeGarbage();
      datagrams++;
      if (!fits(views[row], lengths[row])) wrong++;
    }
  };
  const sockets = new ListenerSockets([listener], { receiveBufferBytes: 1 << 20, threads: 1 });
  const source = openRecvmmsgSource([listener], sockets.descriptors[0], check, () => 5);
  const sender = new Worker(new URL(import.meta.url), { workerData: listener.port });
  const collector = setInterval(() => globalThis.gc?.(), 50);
  await sleep(SECONDS * 1000);
  clearInterval(collector);
  source.close();
  sockets.close();
  await sender.terminate();
  await sleep(50);
  observer.disconnect();
  const heapBytes = v8.getHeapStatistics().total_allocated_bytes;
  process.stdout.write(JSON.stringify({ datagrams, wrong, collections, heapBytes, kept: garbage.length }));
}

if (isMainThread) await receive();
else send(workerData);
