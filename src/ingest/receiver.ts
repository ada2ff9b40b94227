/*
 * Receiver: everything one receiving thread does with a datagram, but for the socket it came from. It finds the
 * exporter, decodes into the batch, puts the sampling rates right, and accounts the flows to their hosts; then the
 * datagram is done. The receiving worker drives one from its sockets, `replay` one from a capture.
 *
 * Nothing is allocated for a datagram, and its time is that at which it was taken from the queue.
 */
import type { Config } from '../config/config.ts';
import { DecodeContext } from '../decode/decodeContext.ts';
import { IPFIX, NETFLOW5, NETFLOW9, SFLOW5 } from '../decode/exporter/protocol.ts';
import { resolveSampling } from '../decode/flowRows.ts';
import { decodeNetflow } from '../decode/netflow/decodeNetflow.ts';
import { decodeSflow, sflowAgentAddress } from '../decode/sflow/decodeSflow.ts';
import { Accounting } from '../engine/accounting.ts';
import type { EnginePlan } from '../engine/enginePlan.ts';
import type { FlowSlice } from '../engine/flowSlice.ts';
import type { HostReport } from '../engine/hostReport.ts';
import type { TopHostsQuery, TopHostsScan } from '../engine/topHosts.ts';
import type { TrafficScan } from '../engine/trafficScan.ts';
import { FlowBatch, MAX_FLOWS_PER_DATAGRAM } from '../flowBatch.ts';
import type { Address } from '../net/address.ts';
import { DatagramQueue, type QueuedDatagram } from './datagramQueue.ts';
import type { Exporter } from './exporter.ts';
import { type ExporterPolicy, ExporterTable, exporterPolicyOf, type Source } from './exporterTable.ts';
import { FaultLog, type LogLine } from './faultLog.ts';
import type { ExporterSnapshot, IngestSnapshot } from './ingestSnapshot.ts';
import { LatencyHistogram } from './latencyHistogram.ts';
import type { TelemetryKind } from './udpListener.ts';

/** What a receiver runs on. Structured-cloneable. */
export interface ReceiverSettings {
  readonly plan: EnginePlan;
  readonly exporters: ExporterPolicy;
  /** Flows kept behind the newest, for samples. Does not change on reload. */
  readonly historyFlows: number;
}

/** `plan` is the one made from the same config. */
export function receiverSettingsOf(config: Config, plan: EnginePlan): ReceiverSettings {
  return {
    plan,
    exporters: exporterPolicyOf(config, plan.workers),
    historyFlows: config.samples.enabled ? config.samples.bufferFlows : 0,
  };
}

/** One for each receiving thread. All times are clock milliseconds and never run backwards. */
export class Receiver {
  readonly #single = new DatagramQueue(1);
  readonly #batch: FlowBatch;
  readonly #context: DecodeContext;
  readonly #accounting: Accounting;
  readonly #exporters: ExporterTable;
  readonly #latency = new LatencyHistogram();
  readonly #faultLog = new FaultLog();
  #defaultSamplingRate: number;

  constructor(settings: ReceiverSettings, now: number) {
    this.#batch = new FlowBatch(settings.historyFlows);
    this.#context = new DecodeContext(this.#batch);
    this.#accounting = new Accounting(settings.plan, this.#batch, now);
    this.#exporters = new ExporterTable(settings.exporters);
    this.#defaultSamplingRate = settings.exporters.defaultSamplingRate;
  }

  /** Takes the payload of one UDP datagram; it is the caller's again on return. `sourceAddress` as the socket spells it. */
  receive(kind: TelemetryKind, payload: Uint8Array, sourceAddress: string, now: number): void {
    this.#single.put(kind, payload, sourceAddress);
    this.receiveAll(this.#single, now);
  }

  /**
   * Takes all datagrams of the queue, and empties it. They are decoded one after the other and accounted together, as far
   * as the ring of flows has room behind its newest for another datagram.
   */
  receiveAll(queue: DatagramQueue, now: number): void {
    const startedAt = performance.now();
    const batch = this.#batch;
    let firstRow = batch.end;
    let flows = 0;
    for (let i = 0; i < queue.count; i++) {
      if (batch.end + MAX_FLOWS_PER_DATAGRAM > batch.capacity) {
        flows += this.#account(firstRow, now);
        firstRow = 0;
      }
      this.#decode(queue.places[i], now);
    }
    flows += this.#account(firstRow, now);
    queue.clear();
    this.#latency.observe(performance.now() - startedAt, flows);
  }

  /** To be called several times a second: ends what is over, gives the rates of hosts that matter. */
  tick(now: number): HostReport {
    return this.#accounting.tick(now);
  }

  /** Replaces the set of hosts that every tick reports. */
  watch(targets: readonly Address[]): void {
    this.#accounting.watch(targets);
  }

  /** The flows of the last window to these hosts. */
  sample(targets: readonly Address[], now: number): FlowSlice {
    return this.#accounting.sample(targets, now);
  }

  /** The hosts with most of a metric, largest first. */
  topHosts(query: TopHostsQuery, now: number): HostReport {
    return this.#accounting.topHosts(query, now);
  }

  /** The same in steps, for a thread that has datagrams to receive between them. */
  beginTopHosts(query: TopHostsQuery): TopHostsScan {
    return this.#accounting.beginTopHosts(query);
  }

  beginTraffic(limit: number): TrafficScan {
    return this.#accounting.beginTraffic(limit);
  }

  stepTopHosts(scan: TopHostsScan, rows: number, now: number): void {
    this.#accounting.stepTopHosts(scan, rows, now);
  }

  topHostsReport(scan: TopHostsScan, now: number): HostReport {
    return this.#accounting.topHostsReport(scan, now);
  }

  /** Goes over to a reloaded plan and policy; what was counted stays counted. */
  reconfigure(plan: EnginePlan, exporters: ExporterPolicy, now: number): void {
    this.#accounting.reconfigure(plan, now);
    this.#exporters.reconfigure(exporters);
    this.#defaultSamplingRate = exporters.defaultSamplingRate;
  }

  /** What should be logged about telemetry that could not be used; to be asked about once a second. */
  faultLines(now: number): LogLine[] {
    return this.#faultLog.due(this.#exporters, now);
  }

  snapshot(now: number): IngestSnapshot {
    const table = this.#exporters;
    const flows = table.retiredFlows.slice();
    let decodeErrorDatagrams = table.retiredErrorDatagrams;
    const exporters: ExporterSnapshot[] = [];
    for (const exporter of table.exporters()) {
      for (let protocol = 0; protocol < flows.length; protocol++) flows[protocol] += exporter.state.flows[protocol];
      decodeErrorDatagrams += exporter.state.decodeErrorDatagrams;
      exporters.push(exporter.snapshot(now));
    }
    const accounting = this.#accounting.counters();
    return {
      flows: { netflow5: flows[NETFLOW5], netflow9: flows[NETFLOW9], ipfix: flows[IPFIX], sflow5: flows[SFLOW5] },
      datagrams: table.labelledDatagrams(),
      decodeErrorDatagrams,
      droppedDatagrams: 0,
      untrustedDatagrams: table.untrustedDatagrams,
      refusedDatagrams: table.refusedDatagrams,
      latency: this.#latency.snapshot(),
      trackedHosts: accounting.trackedHosts,
      evictedHosts: accounting.evictedHosts,
      untrackedFlows: accounting.untrackedFlows,
      longFlowOverflow: accounting.longFlowOverflow,
      unprotectedFlows: accounting.unprotectedFlows,
      unreportedHosts: accounting.unreportedHosts,
      hostTableBytes: accounting.tableBytes,
      longFlows: accounting.longFlows,
      exporters,
    };
  }

  /** Decodes into rows behind `batch.end`, with their sampling rates settled. */
  #decode(datagram: QueuedDatagram, now: number): void {
    const batch = this.#batch;
    batch.beginDatagram();
    const source = this.#exporters.source(datagram.sourceAddress);
    if (source === undefined) return;
    const exporter = this.#exporterOf(datagram, source, now);
    if (exporter === undefined) return;
    this.#context.begin(datagram.view, datagram.length, exporter.state, now);
    const clean = datagram.kind === 'netflow' ? decodeNetflow(this.#context) : decodeSflow(this.#context);
    resolveSampling(batch, exporter.samplingOverride, this.#defaultSamplingRate);
    exporter.noteDatagram(batch, clean, now);
  }

  /** Accounts rows [firstRow, batch.end), and answers how many they are. */
  #account(firstRow: number, now: number): number {
    const batch = this.#batch;
    batch.start = firstRow;
    if (batch.end > firstRow) this.#accounting.accountBatch(now);
    return batch.end - firstRow;
  }

  /** An sFlow datagram is its agent's, whoever relayed it; one that states no agent is its sender's. */
  #exporterOf({ kind, view, length }: QueuedDatagram, source: Source, now: number): Exporter | undefined {
    const agent = kind === 'sflow' ? sflowAgentAddress(view, length) : undefined;
    return agent === undefined ? this.#exporters.ofSource(source, now) : this.#exporters.ofAgent(agent, now);
  }
}
