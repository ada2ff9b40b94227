/*
 * What the receiving side does with a datagram once it is there, without sockets: find the exporter, copy, decode,
 * account. Beside it a loop that only copies the same datagrams. Also how many heap bytes a datagram costs,
 * on top of those that node:dgram needs to deliver it.
 * Run alone: `node --expose-gc test/perf/receiverBench.ts`.
 */
import v8 from 'node:v8';
import { planOf } from '../../src/engine/enginePlan.ts';
import type { TelemetryProtocol } from '../../src/flowgen/createEncoder.ts';
import { DatagramQueue } from '../../src/ingest/datagramBatch.ts';
import { Receiver } from '../../src/ingest/receiver.ts';
import { receiverSettingsOf } from '../../src/ingest/receiverSettings.ts';
import { benchConfig, benchDatagrams } from './benchTelemetry.ts';
import type { BenchRow } from './decodeBench.ts';

const MILLION = 1_000_000;

/** Datagrams that are processed together. */
const BATCH_DATAGRAMS = 32;

/** A million datagrams a second pass, in the time that the receiver is told. */
const MS_PER_DATAGRAM = 0.001;

/** The fastest of so many counts: the others met what else the machine was doing. */
const REPEATS = 10;

export function benchReceiver(short: boolean): BenchRow[] {
  const flows = short ? 2 * MILLION : 10 * MILLION;
  return [
    ...benchPath('netflow5', 256, flows),
    ...benchPath('netflow5', MILLION, flows),
    ...benchPath('netflow9', 256, flows),
    ...benchPath('ipfix', 256, flows),
    ...benchPath('sflow5', 256, flows),
  ];
}

function benchPath(protocol: TelemetryProtocol, hosts: number, flows: number): BenchRow[] {
  const datagrams = benchDatagrams(protocol, Math.max(7680, 2 * hosts), hosts);
  const config = benchConfig();
  const receiver = new Receiver(receiverSettingsOf(config, planOf(config, 1, 1)), 0);
  const kind = protocol === 'sflow5' ? 'sflow' : 'netflow';
  let now = 0;
  const queue = new DatagramQueue(kind, BATCH_DATAGRAMS);
  const receiveQueued = (): void => {
    receiver.receiveAll(queue, now);
    queue.clear();
  };
  const receive = (datagram: Uint8Array): void => {
    now += MS_PER_DATAGRAM;
    queue.put(datagram, '192.0.2.1');
    if (queue.isFull) receiveQueued();
  };
  for (const datagram of datagrams) receive(datagram);
  receiveQueued();
  const flowsPerDatagram = receiver.snapshot(now).exporters[0].flows / datagrams.length;
  const rounds = Math.ceil(flows / (flowsPerDatagram * datagrams.length * REPEATS));
  const copies = new Uint8Array(65_536);

  let bareNs = Number.POSITIVE_INFINITY;
  let ns = Number.POSITIVE_INFINITY;
  nanosecondsPerDatagram(datagrams, rounds, receive);
  const before = allocatedBytes();
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    ns = Math.min(ns, nanosecondsPerDatagram(datagrams, rounds, receive));
    bareNs = Math.min(
      bareNs,
      nanosecondsPerDatagram(datagrams, rounds, (datagram) => copies.set(datagram)),
    );
    receiver.tick(now);
  }
  const heapBytes = (allocatedBytes() - before) / (REPEATS * rounds * datagrams.length);
  const name = `receive in process, ${protocol}, ${hosts.toLocaleString('en-US')} hosts`;
  return [
    { name, value: (flowsPerDatagram * 1e3) / ns, unit: 'million flows/s', ratio: ns / bareNs, against: 'copying' },
    { name, value: ns / flowsPerDatagram, unit: 'ns/flow' },
    { name: `${name}, on top of node:dgram`, value: heapBytes, unit: 'heap bytes/datagram' },
  ];
}

function nanosecondsPerDatagram(
  datagrams: readonly Uint8Array[],
  rounds: number,
  take: (datagram: Uint8Array) => void,
): number {
  const startedAt = performance.now();
  for (let round = 0; round < rounds; round++) {
    for (const datagram of datagrams) take(datagram);
  }
  return ((performance.now() - startedAt) * 1e6) / (rounds * datagrams.length);
}

/** Heap bytes this thread allocated since it began, collected or not. */
function allocatedBytes(): number {
  return v8.getHeapStatistics().total_allocated_bytes;
}

if (import.meta.main) console.table(benchReceiver(process.argv.includes('--short')));
