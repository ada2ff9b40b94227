/*
 * FlowBatch: columns of decoded flows. `decode` writes them, `engine` reads them.
 *
 * It is a ring. A datagram's flows are appended after those of the datagram before it, accounted, and kept until the
 * ring is full and begins again at its first row. So the latest flows are still there when a sample of an attack is
 * needed, and nothing is copied to keep them. One batch belongs to one receiving thread.
 *
 * Addresses are four 32-bit words, most significant first; an IPv4 address is IPv4-mapped (::ffff:a.b.c.d, RFC 4291
 * §2.5.5.2), so that one set of columns and one hash serve both families.
 */
import { ActiveTimeout, type FlowExporter } from './flowExporter.ts';

/** Rows that one datagram may fill: 65,507 payload bytes in records of 4 bytes, the smallest that hold an address. */
export const MAX_FLOWS_PER_DATAGRAM = 16_384;

/** Where a row's sampling rate comes from, weakest first. The index is the value in `FlowBatch.samplingSource`. */
export const SAMPLING_SOURCES = ['default', 'header', 'options', 'record', 'override'] as const;
export type SamplingSource = (typeof SAMPLING_SOURCES)[number];

/** The values of `FlowBatch.samplingSource`, by name. */
export const SAMPLING_FROM_DEFAULT = 0;
export const SAMPLING_FROM_HEADER = 1;
export const SAMPLING_FROM_OPTIONS = 2;
export const SAMPLING_FROM_RECORD = 3;
export const SAMPLING_FROM_OVERRIDE = 4;

/** The values of `FlowBatch.direction`. */
export const DIRECTION_UNKNOWN = 0;
export const DIRECTION_INGRESS = 1;
export const DIRECTION_EGRESS = 2;

/**
 * The longest time between the last packet of a flow and its export that is believed: an hour, more than any inactive
 * timeout. More, or an end after the export, comes from two clocks that differ.
 */
export const MAX_END_AGO_MS = 3_600_000;

/** `FlowBatch.hostSlot` of a flow to an address that is not protected. */
export const NO_HOST = -1;

/** The exporter of a row that no datagram has filled yet. */
const NO_EXPORTER: FlowExporter = {
  address: { version: 6, word0: 0, word1: 0, word2: 0, word3: 0 },
  activeTimeout: new ActiveTimeout(),
};

/** The values of `FlowBatch.flowFlags`. */
export const FLOW_END_UNKNOWN = 0;
/** The record is an interim report: the active timeout ended it, or an update event. */
export const FLOW_GOES_ON = 1;
/** The flow is over. */
export const FLOW_ENDED = 2;
/** The part of `FlowBatch.flowFlags` with the values above. */
export const FLOW_END_MASK = 3;
/** Beside one of them: the counters are of all the row's duration, whatever is known of the flow or its exporter. */
export const COUNTS_FROM_START = 4;
/** Beside them: no traffic can have made these counters. They are shown, but do not count. */
export const DOUBTFUL = 8;
/** Beside them, until decoding has made a difference of it: the counter is a total since the flow began. */
export const PACKETS_ARE_TOTAL = 16;
export const BYTES_ARE_TOTAL = 32;
/** Beside them: the record has no times, and is the first of its flow, so its duration is not known at all. */
export const UNTIMED = 64;
export const COUNTERS_ARE_TOTAL = PACKETS_ARE_TOTAL | BYTES_ARE_TOTAL;

export class FlowBatch {
  /** Rows of each column. */
  readonly capacity: number;

  /** First row of the current datagram. */
  start = 0;
  /** The row after the last one of the current datagram. Decoders append here. */
  end = 0;
  /** Rows [0, highWater) hold flows, possibly older than those before `end`. */
  highWater = 0;

  readonly src0: Uint32Array;
  readonly src1: Uint32Array;
  readonly src2: Uint32Array;
  readonly src3: Uint32Array;
  readonly dst0: Uint32Array;
  readonly dst1: Uint32Array;
  readonly dst2: Uint32Array;
  readonly dst3: Uint32Array;
  readonly srcPort: Uint16Array;
  /** For ICMP, where the exporter states it: type × 256 + code. */
  readonly dstPort: Uint16Array;
  readonly ipProtocol: Uint8Array;
  /** The low eight bits of the TCP header's flags (RFC 9293 §3.1), OR of all packets of the flow. */
  readonly tcpFlags: Uint8Array;
  /** 1 where the flow consists of IP fragments (offset or more-fragments is set). */
  readonly fragment: Uint8Array;
  /** Packets and bytes as the record states them, before the sampling correction. */
  readonly sampledPackets: Float64Array;
  readonly sampledBytes: Float64Array;
  /** One in how many packets was sampled. At least 1 after `resolveSampling`. */
  readonly samplingRate: Float64Array;
  readonly samplingSource: Uint8Array;
  /** How long the flow lasted, by its record. 0 where that is unknown or it is a single packet. */
  readonly durationMs: Uint32Array;
  /**
   * How long before the export its last packet passed, as the exporter's clocks say. 0 where that is unknown. Two clocks
   * that differ make any number of it, so read it with `endAgoOf`.
   */
  readonly endAgoMs: Int32Array;
  /** Whether the flow was over, where the record says so; where it counts from; whether it is believed: `FLOW_ENDED`… */
  readonly flowFlags: Uint8Array;
  /** Whether a row of the current datagram is marked as doubtful. */
  hasDoubtful = false;
  /** Whether rows of the current datagram are of earlier ones, which waited for their template. */
  holdsBacklog = false;
  /** Whether a row of the current datagram is marked as untimed. */
  hasUntimed = false;
  /** Whether any row of `flowFlags` or `direction` was ever set. Where not, nobody needs to clear them. */
  hasFlagsOrDirections = false;
  /** Where the exporter observed the flow: `DIRECTION_INGRESS`, `DIRECTION_EGRESS`; 0 where it does not say. */
  readonly direction: Uint8Array;
  /** The ifIndex (RFC 2863) where the traffic entered the exporter and where it left; 0 where that is unknown. */
  readonly inInterface: Uint32Array;
  readonly outInterface: Uint32Array;
  /** There is one object for each exporter. `writeExporter` fills it. */
  readonly exporter: FlowExporter[];

  /** Filled by accounting: clock time of receipt, and the slot of the protected host or `NO_HOST`. */
  readonly receivedAtMs: Float64Array;
  readonly hostSlot: Int32Array;

  /** `historyFlows`: at least so many flows stay readable after they were accounted. */
  constructor(historyFlows: number) {
    const capacity = historyFlows + MAX_FLOWS_PER_DATAGRAM;
    this.capacity = capacity;
    this.src0 = new Uint32Array(capacity);
    this.src1 = new Uint32Array(capacity);
    this.src2 = new Uint32Array(capacity);
    this.src3 = new Uint32Array(capacity);
    this.dst0 = new Uint32Array(capacity);
    this.dst1 = new Uint32Array(capacity);
    this.dst2 = new Uint32Array(capacity);
    this.dst3 = new Uint32Array(capacity);
    this.srcPort = new Uint16Array(capacity);
    this.dstPort = new Uint16Array(capacity);
    this.ipProtocol = new Uint8Array(capacity);
    this.tcpFlags = new Uint8Array(capacity);
    this.fragment = new Uint8Array(capacity);
    this.sampledPackets = new Float64Array(capacity);
    this.sampledBytes = new Float64Array(capacity);
    this.samplingRate = new Float64Array(capacity);
    this.samplingSource = new Uint8Array(capacity);
    this.durationMs = new Uint32Array(capacity);
    this.endAgoMs = new Int32Array(capacity);
    this.flowFlags = new Uint8Array(capacity);
    this.direction = new Uint8Array(capacity);
    this.inInterface = new Uint32Array(capacity);
    this.outInterface = new Uint32Array(capacity);
    this.exporter = new Array<FlowExporter>(capacity).fill(NO_EXPORTER);
    this.receivedAtMs = new Float64Array(capacity);
    this.hostSlot = new Int32Array(capacity).fill(NO_HOST);
  }

  /** Begins the rows of the next datagram. At least `MAX_FLOWS_PER_DATAGRAM` are free from `end` on. */
  beginDatagram(): void {
    if (this.end > this.highWater) this.highWater = this.end;
    if (this.end + MAX_FLOWS_PER_DATAGRAM > this.capacity) this.end = 0;
    this.start = this.end;
    this.hasDoubtful = false;
    this.holdsBacklog = false;
    this.hasUntimed = false;
  }

  /** Sets `flowFlags` and `direction` of rows to unknown. */
  clearFlagsAndDirections(row: number, count: number): void {
    if (!this.hasFlagsOrDirections) return;
    this.flowFlags.fill(FLOW_END_UNKNOWN, row, row + count);
    this.direction.fill(DIRECTION_UNKNOWN, row, row + count);
  }

  /** `endAgoMs` where it can be believed, else 0. */
  endAgoOf(row: number): number {
    const ms = this.endAgoMs[row];
    return ms > 0 && ms <= MAX_END_AGO_MS ? ms : 0;
  }

  /** How many more rows this datagram may append. Decoders check it once for each set, not for each record. */
  get room(): number {
    return this.start + MAX_FLOWS_PER_DATAGRAM - this.end;
  }
}
