/*
 * How many datagrams a second the receiving worker takes through a real UDP socket, beside a bare `dgram` receiver that
 * only counts them. A third process sends faster than either can receive; the two take turns, so that what else the
 * machine is doing meets both, and the middle one of several turns counts. Run alone: `node test/perf/udpBench.ts`.
 *
 * Rates by the wall clock mean something where the receiver is busy all the time, which its row tells. On a machine
 * that has other work too, the rates by processor time are the ones to compare.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { TelemetryProtocol } from '../../src/flowgen/createEncoder.ts';
import type { BenchRow } from './decodeBench.ts';
import type { ReceivedSoFar } from './udpBenchReceiver.ts';

/** Flows prepared for the sender: some hundred datagrams of each protocol. */
const PREPARED_FLOWS = 7680;

const WARM_UP_MS = 500;

interface Side {
  readonly process: ChildProcess;
  readonly port: number;
}

/** What one side took in a turn. */
interface Turn {
  readonly datagrams: number;
  readonly flows: number;
  readonly cpuMicros: number;
  readonly heapBytes: number;
  readonly milliseconds: number;
}

export async function benchUdp(short: boolean): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const protocol of ['netflow5', 'netflow9', 'ipfix', 'sflow5'] as const) {
    rows.push(...(await benchProtocol(protocol, short ? 3 : 7, short ? 300 : 1000)));
  }
  return rows;
}

async function benchProtocol(protocol: TelemetryProtocol, rounds: number, turnMs: number): Promise<BenchRow[]> {
  const kind = protocol === 'sflow5' ? 'sflow' : 'netflow';
  const sender = fork(new URL('udpBenchSender.ts', import.meta.url), [protocol, String(PREPARED_FLOWS)]);
  await messageFrom(sender);
  const bare = await startSide('bare', kind);
  const kapkan = await startSide('kapkan', kind);
  const bareTurns: Turn[] = [];
  const kapkanTurns: Turn[] = [];
  for (const side of [bare, kapkan]) await takeTurn(sender, side, WARM_UP_MS);
  for (let round = 0; round < rounds; round++) {
    bareTurns.push(await takeTurn(sender, bare, turnMs));
    kapkanTurns.push(await takeTurn(sender, kapkan, turnMs));
  }
  for (const process of [sender, bare.process, kapkan.process]) process.disconnect();
  return rowsOf(protocol, bareTurns, kapkanTurns);
}

async function startSide(mode: 'bare' | 'kapkan', kind: 'netflow' | 'sflow'): Promise<Side> {
  const process = fork(new URL('udpBenchReceiver.ts', import.meta.url), [mode, kind]);
  return { process, port: await messageFrom<number>(process) };
}

async function takeTurn(sender: ChildProcess, side: Side, turnMs: number): Promise<Turn> {
  sender.send(side.port);
  await sleep(100);
  const before = await receivedSoFar(side);
  const startedAt = performance.now();
  await sleep(turnMs);
  const after = await receivedSoFar(side);
  const turn = {
    datagrams: after.datagrams - before.datagrams,
    flows: after.flows - before.flows,
    cpuMicros: after.cpuMicros - before.cpuMicros,
    heapBytes: after.heapBytes - before.heapBytes,
    milliseconds: performance.now() - startedAt,
  };
  sender.send(0);
  await sleep(100);
  return turn;
}

async function receivedSoFar(side: Side): Promise<ReceivedSoFar> {
  side.process.send('count');
  return messageFrom(side.process);
}

/** What the process says next; rejects where it ends instead. */
async function messageFrom<T>(process: ChildProcess): Promise<T> {
  const settled = new AbortController();
  const { signal } = settled;
  const ended = once(process, 'exit', { signal }).then(([code]) => {
    throw new Error(`a benchmark process ended with code ${code}`);
  });
  const [message] = await Promise.race([once(process, 'message', { signal }), ended]);
  settled.abort();
  ended.catch(() => {});
  return message;
}

function rowsOf(protocol: TelemetryProtocol, bare: readonly Turn[], kapkan: readonly Turn[]): BenchRow[] {
  const perSecond = (turn: Turn): number => (turn.datagrams * 1000) / turn.milliseconds;
  const perCpuSecond = (turn: Turn): number => (turn.datagrams * 1e6) / turn.cpuMicros;
  const flowsPerSecond = (turn: Turn): number => (turn.flows * 1000) / turn.milliseconds;
  const heapPerDatagram = (turn: Turn): number => turn.heapBytes / turn.datagrams;
  const busyPercent = (turn: Turn): number => turn.cpuMicros / turn.milliseconds / 10;
  const against = 'bare receiver';
  const row = (what: string, value: number, unit: string): BenchRow => ({
    name: `UDP, ${protocol}, ${what}`,
    value,
    unit,
  });
  const beside = (unit: string, rate: (turn: Turn) => number): BenchRow[] => {
    const [own, theirs] = [median(kapkan.map(rate)), median(bare.map(rate))];
    return [row('bare receiver', theirs, unit), { ...row('Kapkan', own, unit), ratio: own / theirs, against }];
  };
  return [
    ...beside('datagrams/s', perSecond),
    ...beside('datagrams/s of processor time', perCpuSecond),
    row('Kapkan', median(kapkan.map(flowsPerSecond)), 'flows/s'),
    row('bare receiver', median(bare.map(busyPercent)), '% busy'),
    row('Kapkan', median(kapkan.map(busyPercent)), '% busy'),
    row('bare receiver', median(bare.map(heapPerDatagram)), 'heap bytes/datagram'),
  ];
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (import.meta.main) console.table(await benchUdp(process.argv.includes('--short')));
