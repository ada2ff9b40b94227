/*
 * How fast flows are accounted, and what a tracked host costs: with a few hosts, where everything is in the processor's
 * caches, and with a million, where nothing is. Each figure stands against a loop that only reads one column of the
 * same rows in the same datagrams of thirty. Run alone: `node --expose-gc test/perf/engineBench.ts`.
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { Accounting } from '../../src/engine/accounting.ts';
import { FlowBatch } from '../../src/flowBatch.ts';
import { enginePlan } from '../engine/planFixture.ts';

export interface BenchRow {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly ratio?: number;
  readonly against?: string;
}

const FLOWS_PER_DATAGRAM = 30;
const MILLION = 1_000_000;
const ROUNDS = 5;

/** Ticks that are timed, one after each of as many shares of the flows; a tenth of a second apart by their clock. */
const TICKS = 20;
const TICK_MS = 100;

/** The daemon's default history. */
const RING_FLOWS = 65_536;

/** 10.0.0.0, of the protected network 10.0.0.0/8. */
const FIRST_HOST = 0x0a000000;

/** Each in a process of its own, as a receiving thread has one table: V8 compiles the hot path for the only one there is. */
export function benchEngine(): BenchRow[] {
  return [256, 100_000, MILLION].flatMap((hosts) => {
    const args = ['--expose-gc', import.meta.filename, '--hosts', String(hosts)];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as BenchRow[];
  });
}

function benchHosts(hosts: number): BenchRow[] {
  const plan = enginePlan({
    networks: ['10.0.0.0/8'],
    limits: { pps: 1e12, mbps: 1e9, flows_per_sec: 1e9 },
    hostLimit: 2 * MILLION,
    hostCapacity: 2 * MILLION,
  });
  const batch = filledBatch();
  const destinations = randomDestinations(hosts, 4 * MILLION);
  const before = residentBytes();
  const accounting = new Accounting(plan, batch, 0);
  timed(batch, everyDestination(hosts), (now) => accounting.accountBatch(now));
  const bytesPerHost = (residentBytes() - before) / hosts;
  if (accounting.counters().trackedHosts !== hosts) throw new Error('not every host is tracked');

  let nanoseconds = Number.POSITIVE_INFINITY;
  let bareNanoseconds = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    bareNanoseconds = Math.min(
      bareNanoseconds,
      timed(batch, destinations, () => readColumn(batch)),
    );
    nanoseconds = Math.min(
      nanoseconds,
      timed(batch, destinations, (now) => accounting.accountBatch(now)),
    );
  }
  const name = `${hosts.toLocaleString('en-US')} hosts`;
  const ratio = nanoseconds / bareNanoseconds;
  const rows: BenchRow[] = [
    { name: `account, ${name}`, value: 1e3 / nanoseconds, unit: 'million flows/s' },
    { name: `account, ${name}`, value: nanoseconds, unit: 'ns/flow', ratio, against: 'reading one column' },
    { name: `tick, ${name}`, value: tickMilliseconds(accounting, batch, destinations), unit: 'ms, median' },
  ];
  if (hosts >= MILLION) rows.push({ name: `tracked host, ${name}`, value: bytesPerHost, unit: 'bytes' });
  return rows;
}

/**
 * Nanoseconds a flow, where the flows go to these destinations in turn, in datagrams that follow each other round the
 * ring as they do in the daemon, at a million datagrams a second.
 */
function timed(batch: FlowBatch, destinations: Uint32Array, account: (now: number) => void): number {
  const datagrams = Math.ceil(destinations.length / FLOWS_PER_DATAGRAM);
  const startedAt = performance.now();
  for (let datagram = 0; datagram < datagrams; datagram++) {
    const first = datagram * FLOWS_PER_DATAGRAM;
    const flows = Math.min(FLOWS_PER_DATAGRAM, destinations.length - first);
    batch.beginDatagram();
    for (let i = 0; i < flows; i++) batch.dst3[batch.end++] = destinations[first + i];
    account(datagram / 1000);
  }
  return ((performance.now() - startedAt) * 1e6) / destinations.length;
}

function tickMilliseconds(accounting: Accounting, batch: FlowBatch, destinations: Uint32Array): number {
  const share = Math.floor(destinations.length / TICKS);
  const times = Array.from({ length: TICKS }, (_, i) => {
    const now = (1 + i) * TICK_MS + destinations.length;
    timed(batch, destinations.subarray(i * share, (i + 1) * share), () => accounting.accountBatch(now));
    const startedAt = performance.now();
    accounting.tick(now);
    return performance.now() - startedAt;
  });
  return times.sort((a, b) => a - b)[TICKS >> 1];
}

let sink = 0;

function readColumn(batch: FlowBatch): void {
  let sum = 0;
  for (let row = batch.start; row < batch.end; row++) sum += batch.dst3[row];
  sink += sum;
}

/** Every row but for its destination, four in five TCP or UDP as on the Internet's edge. */
function filledBatch(): FlowBatch {
  const batch = new FlowBatch(RING_FLOWS);
  const protocols = [6, 6, 17, 17, 1];
  let random = 1;
  for (let row = 0; row < batch.capacity; row++) {
    random = nextRandom(random);
    batch.dst2[row] = 0xffff;
    batch.ipProtocol[row] = protocols[(random >>> 16) % protocols.length];
    batch.tcpFlags[row] = 0x10;
    batch.sampledPackets[row] = 1 + ((random >>> 8) & 15);
    batch.sampledBytes[row] = 500;
    batch.samplingRate[row] = 1000;
  }
  return batch;
}

function randomDestinations(hosts: number, count: number): Uint32Array {
  let random = 7;
  return Uint32Array.from({ length: count }, () => {
    random = nextRandom(random);
    return FIRST_HOST + Math.floor((random / 2 ** 32) * hosts);
  });
}

function everyDestination(hosts: number): Uint32Array {
  return Uint32Array.from({ length: hosts }, (_, host) => FIRST_HOST + host);
}

/** A linear congruential generator over 32 bits (Numerical Recipes). */
function nextRandom(random: number): number {
  return (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
}

/** The rows of a table are allocated at once, but take memory only where they were used. */
function residentBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

if (import.meta.main) {
  const { hosts } = parseArgs({ options: { hosts: { type: 'string' } } }).values;
  if (hosts === undefined) console.table(benchEngine());
  else console.log(JSON.stringify(benchHosts(Number(hosts))));
  if (!Number.isFinite(sink)) throw new Error('the bare loop was optimised away');
}
