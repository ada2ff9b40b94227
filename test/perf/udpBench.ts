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
import { installedPeers, type PeerName } from './peers.ts';
import type { ReceivedSoFar, ReceiverMode } from './udpBenchReceiver.ts';

/** Flows prepared for the sender: some hundred datagrams of each protocol. */
const PREPARED_FLOWS = 7680;

const WARM_UP_MS = 500;

const MODES: readonly ReceiverMode[] = ['bare', 'dgram', 'recvmmsg'];

/** Of other collectors only the processor time and the rate are known: the first two figures. */
const FIGURES_OF_PEERS = 2;

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

/** `peers` are other collectors, on the same datagrams. */
export async function benchUdp(short: boolean, peers: readonly PeerName[]): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const protocol of ['netflow5', 'netflow9', 'ipfix', 'sflow5'] as const) {
    rows.push(...(await benchProtocol(protocol, short ? 3 : 7, short ? 300 : 1000, peers)));
  }
  return rows;
}

async function benchProtocol(
  protocol: TelemetryProtocol,
  rounds: number,
  turnMs: number,
  peers: readonly PeerName[],
): Promise<BenchRow[]> {
  const kind = protocol === 'sflow5' ? 'sflow' : 'netflow';
  const sender = fork(new URL('udpBenchSender.ts', import.meta.url), [protocol, String(PREPARED_FLOWS)]);
  await messageFrom(sender);
  const sides = await Promise.all([
    ...MODES.map((mode) => startSide(mode, kind)),
    ...peers.map((peer) => startPeer(peer, kind)),
  ]);
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

async function startPeer(name: PeerName, kind: TelemetryKind): Promise<Side> {
  const process = fork(new URL('udpBenchPeer.ts', import.meta.url), [name, kind]);
  return { name, process, port: await messageFrom<number>(process), turns: [] };
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
  const figures: [unit: string, figure: (turn: Turn) => number][] = [
    ['µs of processor time/datagram', (turn) => turn.cpuMicros / turn.datagrams],
    ['datagrams/s', (turn) => (turn.datagrams * 1000) / turn.milliseconds],
    ['flows/s', (turn) => (turn.flows * 1000) / turn.milliseconds],
    ['% busy', (turn) => turn.cpuMicros / turn.milliseconds / 10],
    ['heap bytes/datagram', (turn) => turn.heapBytes / turn.datagrams],
  ];
  return figures.flatMap(([unit, figure], i) => {
    const known = i < FIGURES_OF_PEERS ? sides : sides.slice(0, MODES.length);
    const values = sides.map((side) => median(side.turns.map(figure)));
    const against = (side: number, other: number): BenchRow => {
      const row = { name: `UDP, ${protocol}, ${sides[side].name}`, value: values[side], unit };
      if (side === other || values[other] === 0) return row;
      return { ...row, ratio: values[side] / values[other], against: sides[other].name };
    };
    const rows = known.map((_, side) => against(side, 0));
    for (let peer = MODES.length; peer < known.length; peer++) rows.push(against(MODES.length - 1, peer));
    return rows;
  });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (import.meta.main) {
  const peers = process.argv.includes('--peers') ? installedPeers() : [];
  console.table(await benchUdp(process.argv.includes('--short'), peers));
}
