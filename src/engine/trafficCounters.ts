/*
 * The counters of one bucket of a host, and which of them a flow adds to: in the order of METRICS, packets and bytes of
 * all traffic, flow records, then packets and bytes of each kind; and the variances of the estimates of packets and of
 * bytes. A flow is of one protocol at most, and may be of SYNs and of fragments too.
 *
 * One sampled packet stands for `rate` packets. So where n packets were sampled, the estimate n × rate has the variance
 * n × rate × (rate - 1); for bytes each sample counts with the square of its size.
 */
import { ACK, ICMP, ICMPV6, SYN, TCP, UDP } from '../net/protocolNumbers.ts';
import { METRIC_COUNT, offsetOf } from '../trafficMetrics.ts';

/** Offsets of the counters of all traffic. */
export const PACKETS = offsetOf('pps');
export const BYTES = offsetOf('mbps');
export const FLOWS = offsetOf('flows_per_sec');

/** Offsets of the variances, and the values of a bucket. */
export const PACKET_VARIANCE = METRIC_COUNT;
export const BYTE_VARIANCE = METRIC_COUNT + 1;
export const BUCKET_VALUES = METRIC_COUNT + 2;

/** Size of a packet where a record states none: a full frame, which gives the largest variance. */
const UNKNOWN_PACKET_BYTES = 1500;

/** Offsets of packets of a kind; its bytes follow. */
const TCP_PACKETS = offsetOf('tcp_pps');
const UDP_PACKETS = offsetOf('udp_pps');
const ICMP_PACKETS = offsetOf('icmp_pps');
const TCP_SYN_PACKETS = offsetOf('tcp_syn_pps');
const FRAGMENT_PACKETS = offsetOf('frag_pps');

/** Parts of a flow's kinds: the offset of its protocol's counters (0 = other protocol), and two flags. */
const PROTOCOL_OFFSET = 0x0f;
const IS_SYN = 0x10;
const IS_FRAGMENT = 0x20;
if (Math.max(TCP_PACKETS, UDP_PACKETS, ICMP_PACKETS) > PROTOCOL_OFFSET)
  throw new Error('the offset of a protocol does not fit in its 4 bits');

const OFFSET_OF_PROTOCOL = new Uint8Array(256);
OFFSET_OF_PROTOCOL[ICMP] = ICMP_PACKETS;
OFFSET_OF_PROTOCOL[TCP] = TCP_PACKETS;
OFFSET_OF_PROTOCOL[UDP] = UDP_PACKETS;
OFFSET_OF_PROTOCOL[ICMPV6] = ICMP_PACKETS;

/**
 * IS_SYN where the TCP flags have SYN without ACK, as in a SYN flood; answers to connections have both. By the
 * protocol's offset and the flags, so that a flow needs no branch.
 */
const SYN_OF_OFFSET_AND_FLAGS = new Uint8Array(16 * 256);
for (let flags = 0; flags < 256; flags++) {
  if ((flags & (SYN | ACK)) === SYN) SYN_OF_OFFSET_AND_FLAGS[(TCP_PACKETS << 8) | flags] = IS_SYN;
}

/** The kinds of a flow, for `addTraffic`; `fragment` is 0 or 1. */
export function kindsOf(ipProtocol: number, tcpFlags: number, fragment: number): number {
  const offset = OFFSET_OF_PROTOCOL[ipProtocol];
  return offset | SYN_OF_OFFSET_AND_FLAGS[(offset << 8) | tcpFlags] | (fragment * IS_FRAGMENT);
}

/** Adds to all counters of these kinds but the flow records; `at` is where the row of counters begins. */
export function addTraffic(counters: Float64Array, at: number, packets: number, bytes: number, kinds: number): void {
  counters[at + PACKETS] += packets;
  counters[at + BYTES] += bytes;
  const offset = kinds & PROTOCOL_OFFSET;
  if (offset !== 0) {
    counters[at + offset] += packets;
    counters[at + offset + 1] += bytes;
  }
  if ((kinds & IS_SYN) !== 0) {
    counters[at + TCP_SYN_PACKETS] += packets;
    counters[at + TCP_SYN_PACKETS + 1] += bytes;
  }
  if ((kinds & IS_FRAGMENT) !== 0) {
    counters[at + FRAGMENT_PACKETS] += packets;
    counters[at + FRAGMENT_PACKETS + 1] += bytes;
  }
}

/** Adds estimates of real traffic, sampled at this rate, to the bucket at `at`: counters and variances. */
export function addSampled(
  series: Float64Array,
  at: number,
  packets: number,
  bytes: number,
  kinds: number,
  samplingRate: number,
): void {
  addTraffic(series, at, packets, bytes, kinds);
  if (samplingRate !== 1) addVariance(series, at, packets, bytes, samplingRate);
}

/** Adds the variances of estimates that were sampled at this rate. */
export function addVariance(
  series: Float64Array,
  at: number,
  packets: number,
  bytes: number,
  samplingRate: number,
): void {
  series[at + PACKET_VARIANCE] += packets * (samplingRate - 1);
  const packetBytes = packets > 0 ? bytes / packets : UNKNOWN_PACKET_BYTES;
  series[at + BYTE_VARIANCE] += bytes * (samplingRate - 1) * packetBytes;
}
