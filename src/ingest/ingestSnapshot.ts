/*
 * The counters of ingest since its start, as plain data. Each worker makes a snapshot of its own, and metrics and API
 * read the sum. An exporter that sends to several sockets or from several ports is in several snapshots, so exporters
 * are merged by address.
 */
import type { DecodeErrorReason } from '../decode/exporter/decodeErrors.ts';
import type { DoubtReason } from '../decode/exporter/doubts.ts';
import { PROTOCOLS, type Protocol } from '../decode/exporter/protocol.ts';
import { distinctHosts, type HostSample } from '../engine/hostSample.ts';
import type { SamplingSource } from '../flowBatch.ts';
import type { ActiveTimeoutSource } from '../flowExporter.ts';
import type { ReceiveMethod } from './datagramSource.ts';
import { type DuplicateCounts, duplicatesOf } from './duplicateFlows.ts';
import { addLatencies, type LatencySnapshot, NO_LATENCY } from './latencyHistogram.ts';
import type { FlowSightings } from './sightedFlows.ts';

/** The `exporter` label of all exporters without a label of their own. */
export const OTHER_EXPORTERS = 'other';

/** One exporter. Times are clock milliseconds; counters start when it was first seen. */
export interface ExporterSnapshot {
  /** Canonical text; for sFlow that of the agent. */
  readonly address: string;
  /** Its value of the `exporter` label. */
  readonly label: string;
  /** What it sends, in the order of `PROTOCOLS`. */
  readonly protocols: readonly Protocol[];
  readonly datagrams: number;
  readonly flows: number;
  /** Those that do not count, because they did not cross its border. */
  readonly notAtBorder: number;
  /** Whether the config gives it a border. */
  readonly hasBorder: boolean;
  /** Its flows that were reported more than once. Only a sum of snapshots has it, and not where none was checked. */
  readonly duplicates: DuplicateCounts | undefined;
  readonly lastSeenAt: number;
  /** Of the latest flow: one in how many packets, and who stated it. Undefined before the first flow. */
  readonly sampling: { readonly rate: number; readonly source: SamplingSource } | undefined;
  readonly sequenceGaps: number;
  /** Reasons that occurred, with their counts. */
  readonly decodeErrors: { readonly [reason in DecodeErrorReason]?: number };
  /** What was not believed, by reason. */
  readonly doubts: { readonly [reason in DoubtReason]?: number };
  /** The latest of it; the value is NaN where there is none to show. */
  readonly lastDoubt: { readonly reason: DoubtReason; readonly value: number } | undefined;
  /** How long a period one of its records covers at most, and who says so; undefined where that is not known. */
  readonly activeTimeout: { readonly ms: number; readonly source: ActiveTimeoutSource } | undefined;
  /** How often its headers showed that it was started again. */
  readonly restarts: number;
  /** Templates that are valid now. */
  readonly templates: number;
  /** Data sets that are waiting for their template now. */
  readonly awaitingTemplate: number;
  readonly recordsWithoutCounters: number;
  readonly recordsWithoutAddresses: number;
  /** Options records, from which sampling rates are learned. */
  readonly optionsRecords: number;
  /** sFlow samples that carry no packet: interface counters and discarded packets. */
  readonly skippedSamples: number;
  /** It sends data, but none of it gave a flow for a minute, or since it was first seen. */
  readonly blind: boolean;
}

/** Datagrams received from all exporters with one label. */
export interface LabelledDatagrams {
  readonly label: string;
  readonly protocol: Protocol;
  readonly count: number;
}

export interface IngestSnapshot {
  /** How many threads read their sockets in which way. */
  readonly receivingThreads: { readonly [method in ReceiveMethod]: number };
  readonly flows: { readonly [protocol in Protocol]: number };
  /** One entry for each known exporter and for `other`, times each protocol, zeros included. */
  readonly datagrams: readonly LabelledDatagrams[];
  /** Datagrams with any decode error, once each. */
  readonly decodeErrorDatagrams: number;
  /** What was not believed, by reason, of all exporters. */
  readonly doubts: { readonly [reason in DoubtReason]?: number };
  /** Flows that do not count, because they did not cross the border of their exporter. */
  readonly notAtBorderFlows: number;
  /** Gaps in the sequence numbers of all exporters. */
  readonly sequenceGaps: number;
  /** Dropped by the kernel because a socket's receive buffer was full. */
  readonly droppedDatagrams: number;
  /** Receiving threads that failed and were replaced. What they had counted since their last snapshot is not counted. */
  readonly replacedThreads: number;
  /** Dropped, because `flow_sources_enforce` is on and their source is not in `flow_sources`. */
  readonly untrustedDatagrams: number;
  /** Dropped, because the exporter table is full. */
  readonly refusedDatagrams: number;
  /**
   * How often the ring of flows began again at its first row within one window, so that samples covered less than it.
   */
  readonly sampleOverruns: number;
  readonly latency: LatencySnapshot;
  /**
   * A host that several workers track counts once: exactly where each has at most 4,096, else with an error of about 1 %.
   */
  readonly trackedHosts: number;
  /** What that is made of, where there are several workers. Only snapshots of one worker have it. */
  readonly hostSamples: readonly HostSample[];
  readonly evictedHosts: number;
  /** Hosts of a full table displaced by new ones. */
  readonly displacedHosts: number;
  /** Flows to protected hosts that had no room in the host table. */
  readonly untrackedFlows: number;
  /** Records of lasting flows that are not carried forward, because the table is full. */
  readonly lastingFlowOverflow: number;
  /** Hosts that could be over a limit and are judged by five buckets, because all histories are taken. */
  readonly hostsWithoutHistory: number;
  /** Flows to no protected host: most of them where `networks` does not name what the exporters see. */
  readonly unprotectedFlows: number;
  /**
   * Hosts over a limit that had no room in the report of a tick, counted once a tick. They are reported by later ticks,
   * so an attack on one of them is found late.
   */
  readonly unreportedHosts: number;
  /** Bytes of memory that the host tables and the histories take. */
  readonly hostTableBytes: number;
  /** Lasting flows that are carried forward now. */
  readonly lastingFlows: number;
  /** A sample of the flows, from which the sum of snapshots gets the duplicates of the exporters; it has none itself. */
  readonly sightings: readonly FlowSightings[];
  /** Sorted by address. */
  readonly exporters: readonly ExporterSnapshot[];
}

/** The snapshot before any worker has answered. */
export const EMPTY_SNAPSHOT: IngestSnapshot = {
  receivingThreads: { recvmmsg: 0, dgram: 0 },
  flows: { netflow5: 0, netflow9: 0, ipfix: 0, sflow5: 0 },
  datagrams: [],
  decodeErrorDatagrams: 0,
  doubts: {},
  notAtBorderFlows: 0,
  sequenceGaps: 0,
  droppedDatagrams: 0,
  replacedThreads: 0,
  untrustedDatagrams: 0,
  refusedDatagrams: 0,
  sampleOverruns: 0,
  latency: NO_LATENCY,
  trackedHosts: 0,
  hostSamples: [],
  evictedHosts: 0,
  displacedHosts: 0,
  untrackedFlows: 0,
  lastingFlowOverflow: 0,
  hostsWithoutHistory: 0,
  unprotectedFlows: 0,
  unreportedHosts: 0,
  hostTableBytes: 0,
  lastingFlows: 0,
  sightings: [],
  exporters: [],
};

/** A zero for every label that is known before the first datagram. */
export function zeroDatagrams(flowSources: readonly string[]): LabelledDatagrams[] {
  return [...flowSources, OTHER_EXPORTERS].flatMap((label) =>
    PROTOCOLS.map((protocol) => ({ label, protocol, count: 0 })),
  );
}

/** The sum of the workers' snapshots. */
export function mergeSnapshots(snapshots: readonly IngestSnapshot[]): IngestSnapshot {
  const sum = snapshots.reduce(addSnapshots, EMPTY_SNAPSHOT);
  const duplicates = duplicatesOf(snapshots.flatMap(({ sightings }) => sightings));
  const exporters = sum.exporters.map((row) => ({ ...row, duplicates: duplicates.get(row.address) }));
  const samples = snapshots.flatMap(({ hostSamples }) => hostSamples);
  const trackedHosts = samples.length > 1 ? distinctHosts(samples) : sum.trackedHosts;
  return { ...sum, trackedHosts, exporters };
}

/**
 * What stays in the sums of a worker that was replaced: its counters, but nothing of what it held. Exporters without a
 * label of their own are left out, so that it is bounded.
 */
export function remainsOf(snapshot: IngestSnapshot, droppedDatagrams: number): IngestSnapshot {
  const exporters = snapshot.exporters
    .filter(({ label }) => label !== OTHER_EXPORTERS)
    .map((row) => ({ ...row, templates: 0, awaitingTemplate: 0, blind: false }));
  return {
    ...snapshot,
    receivingThreads: EMPTY_SNAPSHOT.receivingThreads,
    droppedDatagrams,
    replacedThreads: 1,
    trackedHosts: 0,
    hostSamples: [],
    hostTableBytes: 0,
    lastingFlows: 0,
    sightings: [],
    exporters,
  };
}

function addSnapshots(a: IngestSnapshot, b: IngestSnapshot): IngestSnapshot {
  return {
    receivingThreads: {
      recvmmsg: a.receivingThreads.recvmmsg + b.receivingThreads.recvmmsg,
      dgram: a.receivingThreads.dgram + b.receivingThreads.dgram,
    },
    flows: {
      netflow5: a.flows.netflow5 + b.flows.netflow5,
      netflow9: a.flows.netflow9 + b.flows.netflow9,
      ipfix: a.flows.ipfix + b.flows.ipfix,
      sflow5: a.flows.sflow5 + b.flows.sflow5,
    },
    datagrams: addDatagrams([...a.datagrams, ...b.datagrams]),
    decodeErrorDatagrams: a.decodeErrorDatagrams + b.decodeErrorDatagrams,
    doubts: addReasons(a.doubts, b.doubts),
    notAtBorderFlows: a.notAtBorderFlows + b.notAtBorderFlows,
    sequenceGaps: a.sequenceGaps + b.sequenceGaps,
    droppedDatagrams: a.droppedDatagrams + b.droppedDatagrams,
    replacedThreads: a.replacedThreads + b.replacedThreads,
    untrustedDatagrams: a.untrustedDatagrams + b.untrustedDatagrams,
    refusedDatagrams: a.refusedDatagrams + b.refusedDatagrams,
    sampleOverruns: a.sampleOverruns + b.sampleOverruns,
    latency: addLatencies(a.latency, b.latency),
    trackedHosts: a.trackedHosts + b.trackedHosts,
    hostSamples: [],
    evictedHosts: a.evictedHosts + b.evictedHosts,
    displacedHosts: a.displacedHosts + b.displacedHosts,
    untrackedFlows: a.untrackedFlows + b.untrackedFlows,
    lastingFlowOverflow: a.lastingFlowOverflow + b.lastingFlowOverflow,
    hostsWithoutHistory: a.hostsWithoutHistory + b.hostsWithoutHistory,
    unprotectedFlows: a.unprotectedFlows + b.unprotectedFlows,
    unreportedHosts: a.unreportedHosts + b.unreportedHosts,
    hostTableBytes: a.hostTableBytes + b.hostTableBytes,
    lastingFlows: a.lastingFlows + b.lastingFlows,
    sightings: [],
    exporters: mergeExporters([...a.exporters, ...b.exporters]),
  };
}

/** One entry for each label and protocol, in the order in which they first occur. */
function addDatagrams(entries: readonly LabelledDatagrams[]): LabelledDatagrams[] {
  const sums = new Map<string, LabelledDatagrams>();
  for (const entry of entries) {
    const key = `${entry.label} ${entry.protocol}`;
    const sum = sums.get(key);
    sums.set(key, sum === undefined ? entry : { ...sum, count: sum.count + entry.count });
  }
  return [...sums.values()];
}

function mergeExporters(rows: readonly ExporterSnapshot[]): ExporterSnapshot[] {
  const merged = new Map<string, ExporterSnapshot>();
  for (const row of rows) {
    const same = merged.get(row.address);
    merged.set(row.address, same === undefined ? row : addExporters(same, row));
  }
  return [...merged.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
}

function addExporters(a: ExporterSnapshot, b: ExporterSnapshot): ExporterSnapshot {
  const newer = b.lastSeenAt > a.lastSeenAt ? b : a;
  const older = newer === a ? b : a;
  return {
    address: a.address,
    label: a.label === OTHER_EXPORTERS ? b.label : a.label,
    protocols: PROTOCOLS.filter((protocol) => a.protocols.includes(protocol) || b.protocols.includes(protocol)),
    datagrams: a.datagrams + b.datagrams,
    flows: a.flows + b.flows,
    notAtBorder: a.notAtBorder + b.notAtBorder,
    hasBorder: a.hasBorder,
    duplicates: undefined,
    lastSeenAt: newer.lastSeenAt,
    sampling: newer.sampling ?? older.sampling,
    sequenceGaps: a.sequenceGaps + b.sequenceGaps,
    decodeErrors: addReasons(a.decodeErrors, b.decodeErrors),
    doubts: addReasons(a.doubts, b.doubts),
    lastDoubt: newer.lastDoubt ?? older.lastDoubt,
    activeTimeout: newer.activeTimeout ?? older.activeTimeout,
    restarts: a.restarts + b.restarts,
    templates: a.templates + b.templates,
    awaitingTemplate: a.awaitingTemplate + b.awaitingTemplate,
    recordsWithoutCounters: a.recordsWithoutCounters + b.recordsWithoutCounters,
    recordsWithoutAddresses: a.recordsWithoutAddresses + b.recordsWithoutAddresses,
    optionsRecords: a.optionsRecords + b.optionsRecords,
    skippedSamples: a.skippedSamples + b.skippedSamples,
    blind: a.blind || b.blind,
  };
}

type Counts<Reason extends string> = { readonly [reason in Reason]?: number };

function addReasons<Reason extends string>(a: Counts<Reason>, b: Counts<Reason>): Counts<Reason> {
  const sum: { [reason in Reason]?: number } = { ...a };
  for (const [reason, count] of Object.entries(b) as [Reason, number][]) sum[reason] = (sum[reason] ?? 0) + count;
  return sum;
}
