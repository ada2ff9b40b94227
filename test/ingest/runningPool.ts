/*
 * A ReceiverPool on free loopback ports and exporters that send to it over real UDP, for the tests of ingest.
 */
import dgram from 'node:dgram';
import type { TestContext } from 'node:test';
import { SystemClock } from '../../src/clock.ts';
import type { Config } from '../../src/config/config.ts';
import type { SocketAddress } from '../../src/config/socketAddress.ts';
import { type EnginePlan, planOf } from '../../src/engine/enginePlan.ts';
import type { HostReport } from '../../src/engine/hostReport.ts';
import { messageOf } from '../../src/errors.ts';
import { createEncoder, type TelemetryProtocol } from '../../src/flowgen/createEncoder.ts';
import type { FlowRecord } from '../../src/flowgen/telemetryEncoder.ts';
import type { ReceiveMethod } from '../../src/ingest/datagramSource.ts';
import type { IngestSnapshot } from '../../src/ingest/ingestSnapshot.ts';
import { ListenerSockets } from '../../src/ingest/listenerSockets.ts';
import { ReceiverPool } from '../../src/ingest/receiverPool.ts';
import type { LogLine } from '../../src/ingest/telemetryWarnings.ts';
import { type Address, parseAddress } from '../../src/net/address.ts';
import { type ConfigOverrides, configFixture } from '../fixtures/configFixture.ts';

export const LOOPBACK: SocketAddress = { host: '127.0.0.1', port: 0 };

/** The ways to receive that every test of the sockets runs with. */
export const RECEIVE_METHODS: readonly ReceiveMethod[] = ['recvmmsg', 'dgram'];

/** Why tests of recvmmsg cannot run here, or false. */
export function recvmmsgUnavailable(): string | false {
  try {
    new ListenerSockets([], { receiveBufferBytes: 0, threads: 1 });
    return false;
  } catch (error) {
    return `recvmmsg cannot be used: ${messageOf(error)}`;
  }
}

/** Export time in the headers of all test telemetry. */
const EXPORTED_AT = Date.UTC(2026, 0, 1);

/** A test config with one NetFlow and one sFlow listener on free ports. */
export function ingestConfig(overrides: ConfigOverrides = {}): Config {
  return configFixture({ listen: { netflow: [LOOPBACK], sflow: [LOOPBACK] }, ...overrides });
}

export function planFor(config: Config): EnginePlan {
  return planOf(config, config.ingest.workers, 1);
}

export interface RunningPool {
  readonly pool: ReceiverPool;
  /** Ports of its listeners, in the order of the config, NetFlow first. */
  readonly ports: readonly number[];
  readonly reports: { readonly worker: number; readonly report: HostReport }[];
  readonly failures: Error[];
  readonly lines: LogLine[];
  /** Takes snapshots until one satisfies, or fails the test after ten seconds with the last one. */
  snapshotWhere(satisfies: (snapshot: IngestSnapshot) => boolean): Promise<IngestSnapshot>;
}

/** Starts a pool and stops it when the test ends. */
export async function runningPool(t: TestContext, config: Config = ingestConfig()): Promise<RunningPool> {
  const reports: RunningPool['reports'] = [];
  const failures: Error[] = [];
  const lines: LogLine[] = [];
  const pool = new ReceiverPool(config, planFor(config), new SystemClock(), {
    onReport: (worker, report) => reports.push({ worker, report }),
    onFailure: (error) => failures.push(error),
    onLog: (line) => lines.push(line),
  });
  await pool.start();
  t.after(() => pool.stop());
  const ports = pool.boundAddresses().map((text) => Number(text.slice(text.lastIndexOf(':') + 1)));
  return { pool, ports, reports, failures, lines, snapshotWhere: (satisfies) => snapshotWhere(pool, satisfies) };
}

async function snapshotWhere(
  pool: ReceiverPool,
  satisfies: (snapshot: IngestSnapshot) => boolean,
): Promise<IngestSnapshot> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const snapshot = await pool.snapshot();
    if (satisfies(snapshot)) return snapshot;
    if (performance.now() > deadline) throw new Error(`still waiting, last seen: ${JSON.stringify(snapshot)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Resolves once the condition holds; fails the test after ten seconds. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`still waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Sends the datagrams from a new socket that is bound to `from`. */
export async function sendDatagrams(
  datagrams: readonly Uint8Array[],
  to: { readonly host: string; readonly port: number },
  from: string = to.host,
): Promise<void> {
  const socket = dgram.createSocket(from.includes(':') ? 'udp6' : 'udp4');
  await new Promise<void>((bound) => socket.bind(0, from, bound));
  for (const datagram of datagrams) {
    await new Promise<void>((sent, failed) => {
      socket.send(datagram, to.port, to.host, (error) => (error === null ? sent() : failed(error)));
    });
  }
  await new Promise<void>((closed) => socket.close(closed));
}

export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`"${text}" is no address`);
  return parsed;
}

/** `count` UDP flows of 10 packets and 5,000 bytes to one host, with duration 0. */
export function flowsTo(target: string, count: number): FlowRecord[] {
  const dst = address(target);
  return Array.from({ length: count }, (_, i) => ({
    src: address(dst.version === 4 ? `203.0.113.${(i % 250) + 1}` : `2001:db8:f::${(i % 250) + 1}`),
    dst,
    srcPort: 53,
    dstPort: 1024 + (i % 1000),
    ipProtocol: 17,
    tcpFlags: 0,
    fragment: false,
    packets: 10,
    bytes: 5000,
    durationMs: 0,
    endAgoMs: 0,
    inInterface: 1,
    outInterface: 2,
  }));
}

/** The datagrams in which an exporter reports the flows. sFlow reports each packet separately. */
export function telemetry(
  protocol: TelemetryProtocol,
  flows: readonly FlowRecord[],
  sampling = 1,
  agent = '192.0.2.77',
): Uint8Array[] {
  return createEncoder(protocol, { sampling, agent: address(agent) }).encode(flows, EXPORTED_AT);
}

/** All flows of a snapshot, whatever their protocol. */
export function totalFlows({ flows }: IngestSnapshot): number {
  return flows.netflow5 + flows.netflow9 + flows.ipfix + flows.sflow5;
}
