/*
 * Which counters a flow adds to. A row of counters is in the order of METRICS: packets and bytes of all traffic, flow
 * records, then packets and bytes of each kind. A flow is of one protocol at most, and may be of SYNs and of fragments too.
 */
import { offsetOf } from '../trafficMetrics.ts';

/** Offsets of the counters of all traffic. */
export const PACKETS = offsetOf('pps');
export const BYTES = offsetOf('mbps');
export const FLOWS = offsetOf('flows_per_sec');

/** Offsets of packets of a kind; its bytes follow. */
const TCP = offsetOf('tcp_pps');
const UDP = offsetOf('udp_pps');
const ICMP = offsetOf('icmp_pps');
const TCP_SYN = offsetOf('tcp_syn_pps');
const FRAGMENTS = offsetOf('frag_pps');

/** Parts of a flow's kinds: the offset of its protocol's counters (0 = none of the three), and two flags. */
const PROTOCOL_OFFSET = 0x0f;
const IS_SYN = 0x10;
const IS_FRAGMENT = 0x20;
if (Math.max(TCP, UDP, ICMP) > PROTOCOL_OFFSET) throw new Error('the offset of a protocol does not fit in its 4 bits');

/** RFC 9293 §3.1. A SYN flood's packets have SYN without ACK; answers to connections have both. */
const SYN = 0x02;
const SYN_AND_ACK = 0x12;

/** IANA protocol numbers; 58 is ICMP for IPv6. */
const IP_ICMP = 1;
const IP_TCP = 6;
const IP_UDP = 17;
const IP_ICMP6 = 58;

const OFFSET_OF_PROTOCOL = new Uint8Array(256);
OFFSET_OF_PROTOCOL[IP_ICMP] = ICMP;
OFFSET_OF_PROTOCOL[IP_TCP] = TCP;
OFFSET_OF_PROTOCOL[IP_UDP] = UDP;
OFFSET_OF_PROTOCOL[IP_ICMP6] = ICMP;

/** IS_SYN for the TCP flags that make one; by the protocol's offset and the flags, so that no flow costs a branch. */
const SYN_OF_OFFSET_AND_FLAGS = new Uint8Array(16 * 256);
for (let flags = 0; flags < 256; flags++) {
  if ((flags & SYN_AND_ACK) === SYN) SYN_OF_OFFSET_AND_FLAGS[(TCP << 8) | flags] = IS_SYN;
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
    counters[at + TCP_SYN] += packets;
    counters[at + TCP_SYN + 1] += bytes;
  }
  if ((kinds & IS_FRAGMENT) !== 0) {
    counters[at + FRAGMENTS] += packets;
    counters[at + FRAGMENTS + 1] += bytes;
  }
}
