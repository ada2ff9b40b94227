/*
 * FlowBatch: columns of decoded flows, the noun between `decode` and `engine`.
 *
 * It is a ring. A datagram's flows are appended behind those of the datagram before it, accounted, and left where they
 * are until the ring comes round again; so the newest flows are still there when an attack is found and a sample of it
 * is wanted, and nothing was copied to keep them. One batch belongs to one receiving thread.
 *
 * Addresses are four 32-bit words, most significant first; an IPv4 address is IPv4-mapped (::ffff:a.b.c.d, RFC 4291
 * §2.5.5.2), so that one set of columns and one hash serve both families.
 */

/** Rows one datagram may fill: 65,507 payload bytes in records of 4 bytes, the smallest that can hold an address. */
export const MAX_FLOWS_PER_DATAGRAM = 16_384;

/** Where a row's sampling rate comes from, weakest first; index = the value in `FlowBatch.samplingSource`. */
export const SAMPLING_SOURCES = ['default', 'header', 'options', 'record', 'override'] as const;
export type SamplingSource = (typeof SAMPLING_SOURCES)[number];

/** The values of `FlowBatch.samplingSource`, by name. */
export const SAMPLING_FROM_DEFAULT = 0;
export const SAMPLING_FROM_HEADER = 1;
export const SAMPLING_FROM_OPTIONS = 2;
export const SAMPLING_FROM_RECORD = 3;
export const SAMPLING_FROM_OVERRIDE = 4;

/** `FlowBatch.hostSlot` of a flow that goes to no protected host. */
export const NO_HOST = -1;

export class FlowBatch {
  /** Rows the columns hold. */
  readonly capacity: number;

  /** First row of the datagram in hand. */
  start = 0;
  /** One past the last row of the datagram in hand; decoders append here. */
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
  /** 1 where the flow is of IP fragments (offset or more-fragments set). */
  readonly fragment: Uint8Array;
  /** Packets and bytes off the wire, before the sampling correction. */
  readonly sampledPackets: Float64Array;
  readonly sampledBytes: Float64Array;
  /** One in how many packets was sampled; at least 1 once the datagram has been decoded. */
  readonly samplingRate: Float64Array;
  readonly samplingSource: Uint8Array;
  /** How long the flow lasted, as its record states; 0 where unknown or a single packet. */
  readonly durationMs: Uint32Array;
  readonly inInterface: Uint32Array;
  readonly outInterface: Uint32Array;

  /** Filled by accounting: clock time of receipt, and the slot of the protected host or `NO_HOST`. */
  readonly receivedAtMs: Float64Array;
  readonly hostSlot: Int32Array;

  /** `historyFlows`: how many flows at least stay readable after they were accounted. */
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
    this.inInterface = new Uint32Array(capacity);
    this.outInterface = new Uint32Array(capacity);
    this.receivedAtMs = new Float64Array(capacity);
    this.hostSlot = new Int32Array(capacity).fill(NO_HOST);
  }

  /** Opens the rows of the next datagram; at least `MAX_FLOWS_PER_DATAGRAM` are free behind `end`. */
  beginDatagram(): void {
    if (this.end > this.highWater) this.highWater = this.end;
    if (this.end + MAX_FLOWS_PER_DATAGRAM > this.capacity) this.end = 0;
    this.start = this.end;
  }

  /** How many more rows this datagram may append. Decoders ask once a set, not once a record. */
  get room(): number {
    return this.start + MAX_FLOWS_PER_DATAGRAM - this.end;
  }
}
