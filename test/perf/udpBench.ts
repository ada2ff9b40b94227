/*
 * How many datagrams a second the receiving worker takes through a real UDP socket, beside a bare `dgram` receiver that
 * only counts them. A third process sends faster than either can receive; the two take turns, so that what else the
 * machine is doing meets both. Run alone: `node test/perf/udpBench.ts [--short]`.
 *
 * On a machine that is busy otherwise, wall-clock rates say little; the ratio of processor time a datagram still does.
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

/** What one side took while it was sent to. */
interface Taken {
  datagrams: number;
  flows: number;
  cpuMicros: number;
  milliseconds: number;
}

export async function benchUdp(short: boolean): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const protocol of ['netflow5', 'netflow9', 'ipfix', 'sflow5'] as const) {
    rows.push(...(await benchProtocol(protocol, short ? 2 : 5, short ? 300 : 1000)));
  }
  return rows;
}

async function benchProtocol(protocol: TelemetryProtocol, rounds: number, turnMs: number): Promise<BenchRow[]> {
  const kind = protocol === 'sflow5' ? 'sflow' : 'netflow';
  const sender = fork(new URL('udpBenchSender.ts', import.meta.url), [protocol, String(PREPARED_FLOWS)]);
  await once(sender, 'message');
  const bare = await startSide('bare', kind);
  const kapkan = await startSide('kapkan', kind);
  const takenByBare = nothingTaken();
  const takenByKapkan = nothingTaken();
  for (const side of [bare, kapkan]) await takeTurn(sender, side, nothingTaken(), WARM_UP_MS);
  for (let round = 0; round < rounds; round++) {
    await takeTurn(sender, bare, takenByBare, turnMs);
    await takeTurn(sender, kapkan, takenByKapkan, turnMs);
  }
  for (const { process } of [{ process: sender }, bare, kapkan]) process.kill();
  return rowsOf(protocol, takenByBare, takenByKapkan);
}

async function startSide(mode: 'bare' | 'kapkan', kind: 'netflow' | 'sflow'): Promise<Side> {
  const process = fork(new URL('udpBenchReceiver.ts', import.meta.url), [mode, kind]);
  const [port] = await once(process, 'message');
  return { process, port };
}

async function takeTurn(sender: ChildProcess, side: Side, taken: Taken, turnMs: number): Promise<void> {
  sender.send(side.port);
  await sleep(100);
  const before = await receivedSoFar(side);
  const startedAt = performance.now();
  await sleep(turnMs);
  const after = await receivedSoFar(side);
  taken.milliseconds += performance.now() - startedAt;
  taken.datagrams += after.datagrams - before.datagrams;
  taken.flows += after.flows - before.flows;
  taken.cpuMicros += after.cpuMicros - before.cpuMicros;
  sender.send(0);
  await sleep(100);
}

async function receivedSoFar(side: Side): Promise<ReceivedSoFar> {
  side.process.send('count');
  const [answer] = await once(side.process, 'message');
  return answer;
}

function nothingTaken(): Taken {
  return { datagrams: 0, flows: 0, cpuMicros: 0, milliseconds: 0 };
}

function rowsOf(protocol: TelemetryProtocol, bare: Taken, kapkan: Taken): BenchRow[] {
  const name = `UDP, ${protocol}`;
  const perSecond = (taken: Taken): number => (taken.datagrams * 1000) / taken.milliseconds;
  const perCpuSecond = (taken: Taken): number => (taken.datagrams * 1e6) / taken.cpuMicros;
  const flowsPerDatagram = kapkan.flows / kapkan.datagrams;
  return [
    { name: `${name}, bare receiver`, value: perSecond(bare), unit: 'datagrams/s' },
    {
      name: `${name}, Kapkan`,
      value: perSecond(kapkan),
      unit: 'datagrams/s',
      ratio: perSecond(kapkan) / perSecond(bare),
      against: 'bare receiver',
    },
    {
      name: `${name}, Kapkan`,
      value: perCpuSecond(kapkan),
      unit: 'datagrams/s of processor time',
      ratio: perCpuSecond(kapkan) / perCpuSecond(bare),
      against: 'bare receiver',
    },
    {
      name: `${name}, ${flowsPerDatagram.toFixed(1)} a datagram`,
      value: perSecond(kapkan) * flowsPerDatagram,
      unit: 'flows/s',
    },
  ];
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (import.meta.main) console.table(await benchUdp(process.argv.includes('--short')));
