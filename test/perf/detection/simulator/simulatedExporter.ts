/*
 * An exporter: it sees packets, samples them, keeps them in its flow cache (sFlow agents have none), collects what is to
 * be exported for a while, and sends datagrams with times of its own clock.
 */
import type { TelemetryProtocol } from '../../../../src/flowgen/createEncoder.ts';
import { IpfixEncoder } from '../../../../src/flowgen/ipfixEncoder.ts';
import { Netflow5Encoder } from '../../../../src/flowgen/netflow5Encoder.ts';
import { Netflow9Encoder } from '../../../../src/flowgen/netflow9Encoder.ts';
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { Sflow5Encoder } from '../../../../src/flowgen/sflow5Encoder.ts';
import { ExporterUptime, type TelemetryEncoder } from '../../../../src/flowgen/telemetryEncoder.ts';
import type { Address } from '../../../../src/net/address.ts';
import { type ExportedRecord, type RecordFormat, templatesFor } from './exportTemplates.ts';
import { FlowCache, type FlowCacheSettings, type FlowPart, IDLE_TIMEOUT } from './flowCache.ts';
import { PacketSampler, type SamplingMode } from './packetSampler.ts';
import { type Flow, newFlow, type PacketKind } from './traffic.ts';

export interface ExporterClock {
  /** How far its wall clock is ahead of the true time. */
  readonly offsetMs: number;
  readonly driftPpm: number;
  /** Uptime at its first export; near 2^32 it wraps. */
  readonly uptimeMs: number;
  /** How much later than by the clock of the header the times in records are. */
  readonly recordSkewMs: number;
}

export interface ExporterSettings {
  /** In the names of scenarios. */
  readonly name: string;
  readonly protocol: TelemetryProtocol;
  readonly sampling: number;
  readonly samplingMode: SamplingMode;
  /** Undefined for sFlow. */
  readonly cache: FlowCacheSettings | undefined;
  /** Of NetFlow v9 and IPFIX; v5 and sFlow have one format. */
  readonly format: RecordFormat;
  /** The longest that a record waits for others to fill its datagram. */
  readonly batchMs: number;
  /** Whether it waits for so long also when datagrams are full. */
  readonly holdsBatches: boolean;
  readonly clock: ExporterClock;
}

/** One full datagram, about. */
const RECORDS_PER_BATCH = 24;

export class SimulatedExporter {
  readonly settings: ExporterSettings;
  readonly #random: SeededRandom;
  readonly #sampler: PacketSampler;
  readonly #cache: FlowCache | undefined;
  readonly #encoder: TelemetryEncoder;
  readonly #beganAtMs: number;
  #waiting: FlowPart[] = [];
  #waitingSinceMs = 0;

  constructor(settings: ExporterSettings, address: Address, random: SeededRandom, nowMs: number) {
    this.settings = settings;
    this.#random = random;
    this.#sampler = new PacketSampler(settings.sampling, settings.samplingMode, random);
    this.#cache = settings.cache && new FlowCache(settings.cache);
    this.#encoder = encoderOf(settings, address);
    this.#beganAtMs = nowMs;
  }

  /** Packets of one flow pass. */
  see(flow: Flow, packets: number, tcpFlags: number, nowMs: number): void {
    const taken = this.#sampler.take(packets);
    if (taken === 0) return;
    if (this.#cache !== undefined) this.#cache.add(flow, taken, tcpFlags, nowMs);
    else for (let i = 0; i < taken; i++) this.#wait(packetOf(flow, tcpFlags, nowMs), nowMs);
  }

  /** Packets pass of which each is a flow of its own. */
  seeScattered(kind: PacketKind, packets: number, nowMs: number): void {
    for (let taken = this.#sampler.take(packets); taken > 0; taken--) {
      const flow = newFlow(kind, this.#random);
      if (this.#cache !== undefined) this.#cache.addSingle(flow, nowMs);
      else this.#wait(packetOf(flow, flow.tcpFlags, nowMs), nowMs);
    }
  }

  /** The parts of flows that are exported now; call it in each step, then `encode` them. */
  exported(nowMs: number): readonly FlowPart[] {
    const cache = this.#cache;
    if (cache !== undefined) {
      cache.advance(nowMs);
      for (const part of cache.ready) this.#wait(part, nowMs);
      cache.ready = [];
    }
    const waiting = this.#waiting;
    const { batchMs, holdsBatches } = this.settings;
    const isFull = waiting.length >= RECORDS_PER_BATCH && !holdsBatches;
    if (waiting.length === 0 || (!isFull && nowMs - this.#waitingSinceMs < batchMs)) return [];
    this.#waiting = [];
    return waiting;
  }

  encode(parts: readonly FlowPart[], nowMs: number): Uint8Array[] {
    const { offsetMs, driftPpm, recordSkewMs } = this.settings.clock;
    const clockMs = Math.floor(nowMs + offsetMs + ((nowMs - this.#beganAtMs) * driftPpm) / 1e6);
    const records = parts.map((part) => this.#record(part, nowMs - recordSkewMs));
    return this.#encoder.encode(records, clockMs);
  }

  #wait(part: FlowPart, nowMs: number): void {
    if (this.#waiting.length === 0) this.#waitingSinceMs = nowMs;
    this.#waiting.push(part);
  }

  #record(part: FlowPart, nowMs: number): ExportedRecord {
    const { format, cache } = this.settings;
    const { flow, lastMs } = part;
    const packets = format.counters === 'totals' ? part.totalPackets : part.packets;
    return {
      src: flow.src,
      dst: flow.dst,
      srcPort: flow.srcPort,
      dstPort: flow.dstPort,
      ipProtocol: flow.ipProtocol,
      tcpFlags: part.tcpFlags,
      fragment: false,
      packets,
      bytes: packets * flow.packetBytes,
      durationMs: lastMs - (cache?.keepsFlows === true ? part.startMs : part.firstMs),
      endAgoMs: nowMs - lastMs,
      inInterface: 1,
      outInterface: 2,
      endReason: part.endReason,
    };
  }
}

function packetOf(flow: Flow, tcpFlags: number, nowMs: number): FlowPart {
  const times = { startMs: nowMs, firstMs: nowMs, lastMs: nowMs };
  return { flow, ...times, packets: 1, totalPackets: 1, tcpFlags, endReason: IDLE_TIMEOUT };
}

function encoderOf(settings: ExporterSettings, address: Address): TelemetryEncoder {
  const { protocol, sampling, format, clock } = settings;
  switch (protocol) {
    case 'netflow5':
      return new Netflow5Encoder(sampling, new ExporterUptime(clock.uptimeMs));
    case 'netflow9':
      return new Netflow9Encoder(sampling, new ExporterUptime(clock.uptimeMs), templatesFor(format, protocol));
    case 'ipfix':
      return new IpfixEncoder(sampling, templatesFor(format, protocol));
    case 'sflow5':
      return new Sflow5Encoder(sampling, address);
  }
}
