/*
 * Sends an exporter's datagrams over UDP at the pace of a schedule. Every few milliseconds it sends what is due, so
 * that a collector sees an even stream and no detection waits for a batch to fill.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { SystemClock } from '../clock.ts';
import { type Address, parseAddress } from '../net/address.ts';
import type { AttackTraffic } from './attackTraffic.ts';
import { createEncoder, type TelemetryProtocol } from './createEncoder.ts';

const TICK_MS = 5;

/**
 * When packets are due. This depends on the time since the start and not on the time since the last tick, so that late
 * timers do not lower the rate: it is exact to one packet at any time.
 */
export class SendSchedule {
  readonly #packetsPerSecond: number;
  readonly #totalPackets: number;
  #taken = 0;

  /** Both above 0; the rate is of sampled packets and may be a fraction. */
  constructor(packetsPerSecond: number, seconds: number) {
    this.#packetsPerSecond = packetsPerSecond;
    this.#totalPackets = Math.round(packetsPerSecond * seconds);
  }

  /** Packets over the whole run. */
  get totalPackets(): number {
    return this.#totalPackets;
  }

  get finished(): boolean {
    return this.#taken >= this.#totalPackets;
  }

  /** How many packets are due at this time and were not taken before. */
  take(elapsedMs: number): number {
    const dueByNow = Math.min(this.#totalPackets, Math.floor((elapsedMs / 1_000) * this.#packetsPerSecond));
    const due = Math.max(0, dueByNow - this.#taken);
    this.#taken += due;
    return due;
  }
}

export interface SendOptions {
  /** The collector; an IP address. */
  readonly host: string;
  readonly port: number;
  readonly protocol: TelemetryProtocol;
  readonly sampling: number;
  readonly traffic: AttackTraffic;
  readonly schedule: SendSchedule;
  /** Ends the run early. */
  readonly signal?: AbortSignal;
}

export interface SendReport {
  readonly datagrams: number;
  readonly bytes: number;
  /** Packets in the flow records, before the sampling correction. */
  readonly sampledPackets: number;
  /** Datagrams that the collector's machine refused, because nothing listens on the port. */
  readonly refused: number;
  readonly elapsedMs: number;
}

/**
 * Resolves when the schedule is finished or the signal aborted. Rejects where the collector cannot be sent to at all.
 */
export async function sendTelemetry(options: SendOptions): Promise<SendReport> {
  const { schedule, traffic, signal } = options;
  const socket = createSocket(isIPv6(options.host) ? 'udp6' : 'udp4');
  socket.connect(options.port, options.host);
  await once(socket, 'connect');

  const report = { datagrams: 0, bytes: 0, sampledPackets: 0, refused: 0, elapsedMs: 0 };
  // The refusal of an earlier datagram may also arrive between two sends.
  socket.on('error', () => report.refused++);
  const encoder = createEncoder(options.protocol, { sampling: options.sampling, agent: localAddress(socket) });
  const clock = new SystemClock();
  const startedAt = clock.now();
  try {
    while (!schedule.finished && signal?.aborted !== true) {
      await sleep(TICK_MS);
      const now = clock.now();
      const elapsedMs = now - startedAt;
      const packets = schedule.take(elapsedMs);
      const datagrams = encoder.encode(traffic.take(packets, elapsedMs - report.elapsedMs), Math.floor(now));
      const delivered = await Promise.all(datagrams.map((datagram) => send(socket, datagram)));
      report.datagrams += datagrams.length;
      report.bytes += datagrams.reduce((sum, datagram) => sum + datagram.length, 0);
      report.sampledPackets += packets;
      report.refused += delivered.filter((taken) => !taken).length;
      report.elapsedMs = elapsedMs;
    }
  } finally {
    socket.close();
  }
  return report;
}

/** Whether the kernel accepted it. Like a real exporter, the run continues when nothing listens. */
function send(socket: Socket, datagram: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => socket.send(datagram, (error) => resolve(error === null)));
}

/** The address that the kernel sends from, which an sFlow agent states as its own. */
function localAddress(socket: Socket): Address {
  const text = socket.address().address;
  const address = parseAddress(text);
  if (address === undefined)
    throw new Error(`Cannot send: the kernel's local address must be an IP address, got ${text}`);
  return address;
}
