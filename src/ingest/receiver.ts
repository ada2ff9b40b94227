/*
 * Receiver: everything that a receiving thread does with a datagram after the socket. It finds the exporter, decodes
 * into the batch, settles the sampling rates, and accounts the flows to their hosts. The receiving worker feeds it from
 * sockets, `replay` from a capture.
 *
 * Nothing is allocated for a datagram. Its time is the time at which its batch is processed.
 */
import { DecodeContext } from '../decode/decodeContext.ts';
import { clearDoubtful, doubtFlowRates } from '../decode/doubtfulRows.ts';
import { IPFIX, NETFLOW5, NETFLOW9, SFLOW5 } from '../decode/exporter/protocol.ts';
import { resolveSampling, writeExporter } from '../decode/flowRows.ts';
import { decodeNetflow } from '../decode/netflow/decodeNetflow.ts';
import { decodeSflow, readSflowAgent } from '../decode/sflow/decodeSflow.ts';
import { assumeDurations } from '../decode/untimedFlows.ts';
import { Accounting } from '../engine/accounting.ts';
import type { EnginePlan } from '../engine/enginePlan.ts';
import type { FlowSlice } from '../engine/flowSlice.ts';
import type { HostReport } from '../engine/hostReport.ts';
import type { TopHostsQuery, TopHostsScan, TrafficScan } from '../engine/topHosts.ts';
import { FlowBatch, MAX_FLOWS_PER_DATAGRAM } from '../flowBatch.ts';
import type { Address } from '../net/address.ts';
import { type DatagramBatch, DatagramQueue, type TelemetryKind } from './datagramBatch.ts';
import type { Exporter } from './exporter.ts';
import { addDoubts, ExporterTable, type Source } from './exporterTable.ts';
import { EMPTY_SNAPSHOT, type ExporterSnapshot, type IngestSnapshot } from './ingestSnapshot.ts';
import { LatencyHistogram } from './latencyHistogram.ts';
import type { ExporterPolicy, ReceiverSettings } from './receiverSettings.ts';
import { SightedFlows } from './sightedFlows.ts';
import { type LogLine, TelemetryWarnings } from './telemetryWarnings.ts';

/** One for each receiving thread. All times are clock milliseconds and never go backwards. */
export class Receiver {
  /** For `receive`. */
  readonly #single = { netflow: new DatagramQueue('netflow', 1), sflow: new DatagramQueue('sflow', 1) };
  readonly #batch: FlowBatch;
  readonly #context: DecodeContext;
  readonly #accounting: Accounting;
  readonly #exporters: ExporterTable;
  /** Of the current sFlow datagram. */
  readonly #agentWords = new Uint32Array(4);
  readonly #sightedFlows: SightedFlows;
  readonly #latency = new LatencyHistogram();
  readonly #telemetryWarnings = new TelemetryWarnings();
  readonly #keepsFlows: boolean;
  #defaultSamplingRate: number;
  #windowMs: number;
  /** Whether other threads share the work. */
  readonly #hasSiblings: boolean;
  /** When the ring of flows began again at its first row. */
  #turnedAt = Number.NEGATIVE_INFINITY;
  #sampleOverruns = 0;

  constructor(settings: ReceiverSettings, now: number) {
    this.#batch = new FlowBatch(settings.historyFlows);
    this.#context = new DecodeContext(this.#batch);
    this.#accounting = new Accounting(settings.plan, this.#batch, now);
    this.#exporters = new ExporterTable(settings.exporters);
    this.#sightedFlows = new SightedFlows(settings.plan.hashSeed);
    this.#defaultSamplingRate = settings.exporters.defaultSamplingRate;
    this.#keepsFlows = settings.historyFlows > 0;
    this.#windowMs = settings.plan.windowSeconds * 1000;
    this.#hasSiblings = settings.plan.workers > 1;
  }

  /** Processes the payload of one UDP datagram and does not keep it. `sourceAddress` as node:dgram writes it. */
  receive(kind: TelemetryKind, payload: Uint8Array, sourceAddress: string, now: number, sourcePort = 0): void {
    const queue = this.#single[kind];
    queue.put(payload, sourceAddress, sourcePort);
    this.receiveAll(queue, now);
    queue.clear();
  }

  /**
   * Processes all datagrams of the batch and keeps none. They are decoded one after the other and accounted together.
   * Where the ring of flows begins again at its first row, those before are accounted first.
   */
  receiveAll(datagrams: DatagramBatch, now: number): void {
    const startedAt = performance.now();
    const batch = this.#batch;
    let firstRow = batch.end;
    let flows = 0;
    for (let i = 0; i < datagrams.count; i++) {
      if (batch.end + MAX_FLOWS_PER_DATAGRAM > batch.capacity) {
        flows += this.#account(firstRow, now);
        firstRow = 0;
        this.#countTurn(now);
      }
      this.#decode(datagrams, i, now);
    }
    flows += this.#account(firstRow, now);
    this.#latency.observe(performance.now() - startedAt, flows);
  }

  /** The ring of flows begins again. It does so with every batch where samples are off, and then nothing is lost. */
  #countTurn(now: number): void {
    if (this.#keepsFlows && now - this.#turnedAt < this.#windowMs) this.#sampleOverruns++;
    this.#turnedAt = now;
  }

  /** Called several times a second. Returns the rates of the watched hosts and of those that may be over a limit. */
  tick(now: number): HostReport {
    this.#exporters.makeRoom(now);
    return {
      ...this.#accounting.tick(now),
      unreadableSince: this.#exporters.unreadableSince(now),
      reportsWithinMs: this.#exporters.reportsWithinMs,
    };
  }

  /** Replaces the set of hosts that every tick reports, whatever their rates. */
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

  /** The same in steps, so that a thread can receive datagrams between them. */
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

  /** Applies a reloaded plan and policy. Counters keep their values. */
  reconfigure(plan: EnginePlan, exporters: ExporterPolicy, now: number): void {
    this.#accounting.reconfigure(plan, now);
    this.#windowMs = plan.windowSeconds * 1000;
    this.#exporters.reconfigure(exporters);
    this.#defaultSamplingRate = exporters.defaultSamplingRate;
  }

  /** Log lines about telemetry that could not be used. Called about once a second. */
  warnings(now: number): LogLine[] {
    return this.#telemetryWarnings.due(this.#exporters, now);
  }

  snapshot(now: number): IngestSnapshot {
    const table = this.#exporters;
    const flows = table.evictedFlows.slice();
    let decodeErrorDatagrams = table.evictedErrorDatagrams;
    let notAtBorderFlows = table.evictedNotAtBorder;
    let sequenceGaps = table.evictedSequenceGaps;
    const doubts = new Map(table.evictedDoubts);
    const exporters: ExporterSnapshot[] = [];
    for (const exporter of table.exporters()) {
      for (let protocol = 0; protocol < flows.length; protocol++) flows[protocol] += exporter.state.flows[protocol];
      decodeErrorDatagrams += exporter.state.decodeErrorDatagrams;
      notAtBorderFlows += exporter.notAtBorder;
      sequenceGaps += exporter.state.sequenceGaps;
      addDoubts(doubts, exporter.state.doubts);
      exporters.push(exporter.snapshot(now));
    }
    const accounting = this.#accounting.counters();
    return {
      receivingThreads: EMPTY_SNAPSHOT.receivingThreads,
      flows: { netflow5: flows[NETFLOW5], netflow9: flows[NETFLOW9], ipfix: flows[IPFIX], sflow5: flows[SFLOW5] },
      datagrams: table.labelledDatagrams(),
      decodeErrorDatagrams,
      doubts: Object.fromEntries(doubts),
      notAtBorderFlows,
      sequenceGaps,
      droppedDatagrams: 0,
      replacedThreads: 0,
      untrustedDatagrams: table.untrustedDatagrams,
      refusedDatagrams: table.refusedDatagrams,
      sampleOverruns: this.#sampleOverruns,
      latency: this.#latency.snapshot(),
      trackedHosts: accounting.trackedHosts,
      hostSamples: this.#hasSiblings ? [this.#accounting.hostSample()] : [],
      evictedHosts: accounting.evictedHosts,
      displacedHosts: accounting.displacedHosts,
      untrackedFlows: accounting.untrackedFlows,
      lastingFlowOverflow: accounting.lastingFlowOverflow,
      hostsWithoutHistory: accounting.hostsWithoutHistory,
      unprotectedFlows: accounting.unprotectedFlows,
      unreportedHosts: accounting.unreportedHosts,
      hostTableBytes: accounting.tableBytes,
      lastingFlows: accounting.lastingFlows,
      sightings: this.#sightedFlows.sightings(table.addressesByNumber(), now),
      exporters,
    };
  }

  /**
   * Decodes into rows from `batch.end` on, settles their sampling rates, writes their exporter, and keeps those that
   * cross its border.
   */
  #decode({ kind, views, lengths, sourceWords, sourcePorts }: DatagramBatch, row: number, now: number): void {
    const batch = this.#batch;
    batch.beginDatagram();
    const source = this.#exporters.source(sourceWords, 4 * row);
    if (source === undefined) return;
    const view = views[row];
    const length = lengths[row];
    const exporter = this.#exporterOf(kind, view, length, source, now);
    if (exporter === undefined) return;
    this.#context.begin(view, length, exporter.state, now, sourcePorts[row]);
    const clean = kind === 'netflow' ? decodeNetflow(this.#context) : decodeSflow(this.#context);
    resolveSampling(batch, exporter.samplingOverride, this.#defaultSamplingRate);
    assumeDurations(batch, exporter.state);
    doubtFlowRates(batch, exporter.state);
    clearDoubtful(batch);
    writeExporter(batch, exporter);
    exporter.recordDatagram(batch, clean, now);
    const { boundary, state } = exporter;
    const { networks } = this.#accounting;
    if (boundary !== undefined) exporter.notAtBorder += boundary.keepCrossings(batch, networks, state, now);
    this.#sightedFlows.observe(batch, state.number, networks, now);
  }

  /** Accounts rows [firstRow, batch.end) and returns their number. */
  #account(firstRow: number, now: number): number {
    const batch = this.#batch;
    batch.start = firstRow;
    if (batch.end > firstRow) this.#accounting.accountBatch(now);
    return batch.end - firstRow;
  }

  /** An sFlow datagram belongs to its agent, also where it was relayed; to its sender where it states no agent. */
  #exporterOf(kind: TelemetryKind, view: DataView, length: number, source: Source, now: number): Exporter | undefined {
    const agent = this.#agentWords;
    const isAgents = kind === 'sflow' && readSflowAgent(view, length, agent);
    return isAgents ? this.#exporters.ofAgent(agent, source, now) : this.#exporters.ofSource(source, now);
  }
}
