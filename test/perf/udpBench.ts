/*
 * What a datagram costs from a real UDP socket to the host table, through node:dgram and through recvmmsg, beside a bare
 * node:dgram receiver that only counts. Another process sends faster than they can receive; they take turns, so that
 * what else the machine is doing meets all, and the middle one of several turns counts. Run alone:
 * `node test/perf/udpBench.ts`.
 *
 * Rates by the wall clock mean something where the receiver is busy all the time, which its row tells. On a machine
 * that has other work too, the processor times are the ones to compare.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { TelemetryProtocol } from '../../src/flowgen/createEncoder.ts';
import type { TelemetryKind } from '../../src/ingest/datagramBatch.ts';
import type { BenchRow } from './decodeBench.ts';
import type { ReceivedSoFar, ReceiverMode } from './udpBenchReceiver.ts';

/** Flows prepared for the sender: some hundred datagrams of each protocol. */
const PREPARED_FLOWS = 7680;

const WARM_UP_MS = 500;

const MODES: readonly ReceiverMode[] = ['bare', 'dgram', 'recvmmsg'];

const BARE = 'bare node:dgram receiver';

interface Side {
  readonly name: string;
  readonly process: ChildProcess;
  readonly port: number;
  readonly turns: Turn[];
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
  const sides = await Promise.all(MODES.map((mode) => startSide(mode, kind)));
  for (const side of sides) await takeTurn(sender, side, WARM_UP_MS);
  for (let round = 0; round < rounds; round++) {
    for (const side of sides) side.turns.push(await takeTurn(sender, side, turnMs));
  }
  for (const process of [sender, ...sides.map((side) => side.process)]) process.disconnect();
  return rowsOf(protocol, sides);
}

async function startSide(mode: ReceiverMode, kind: TelemetryKind): Promise<Side> {
  const process = fork(new URL('udpBenchReceiver.ts', import.meta.url), [mode, kind]);
  return {
    name: mode === 'bare' ? BARE : `Kapkan, ${mode}`,
    process,
    port: await messageFrom<number>(process),
    turns: [],
  };
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

function rowsOf(protocol: TelemetryProtocol, sides: readonly Side[]): BenchRow[] {
  const [bare] = sides;
  const figures: [unit: string, figure: (turn: Turn) => number][] = [
    ['µs of processor time/datagram', (turn) => turn.cpuMicros / turn.datagrams],
    ['datagrams/s', (turn) => (turn.datagrams * 1000) / turn.milliseconds],
    ['flows/s', (turn) => (turn.flows * 1000) / turn.milliseconds],
    ['% busy', (turn) => turn.cpuMicros / turn.milliseconds / 10],
    ['heap bytes/datagram', (turn) => turn.heapBytes / turn.datagrams],
  ];
  return figures.flatMap(([unit, figure]) =>
    sides.map((side): BenchRow => {
      const value = median(side.turns.map(figure));
      const row = { name: `UDP, ${protocol}, ${side.name}`, value, unit };
      const theirs = median(bare.turns.map(figure));
      return side === bare || theirs === 0 ? row : { ...row, ratio: value / theirs, against: BARE };
    }),
  );
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (import.meta.main) console.table(await benchUdp(process.argv.includes('--short')));
