/*
 * Reads a sampled packet, the first bytes of a frame in sFlow or in elements 313 and 315, into the context's row:
 * Ethernet, VLAN tags, MPLS, PPPoE, IPv4 or IPv6, ports. Columns whose bytes the sample does not hold stay zero.
 *
 *   Ethernet  0 destination, 6 source, 12 type           802.1Q/ad  0 tag, 2 type
 *   MPLS      0 label:20 class:3 bottom:1 TTL:8          PPPoE      0 version, code, session, length, 6 PPP protocol
 *   IPv4      0 version:4 words:4, 2 length, 6 flags:3 offset:13, 9 protocol, 12 source, 16 destination
 *   IPv6      0 version:4, 4 payload length, 6 next header, 8 source, 24 destination
 */
import {
  AUTHENTICATION,
  DCCP,
  DESTINATION_OPTIONS,
  FRAGMENT,
  HIP,
  HOP_BY_HOP,
  ICMP,
  ICMPV6,
  IPV4_IN_IP,
  IPV6_IN_IP,
  MOBILITY,
  ROUTING,
  SCTP,
  SHIM6,
  TCP,
  UDP,
  UDP_LITE,
} from '../net/protocolNumbers.ts';
import type { DecodeContext } from './decodeContext.ts';
import { readIpv4Pair, readIpv6Pair } from './flowRows.ts';

/** What a reader returns where there is no IP packet, or too little of it for both addresses. */
export const NOT_IP = 0;

const ETHERNET_HEADER = 14;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;

const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
const TYPE_MPLS = 0x8847;
const TYPE_MPLS_UPSTREAM = 0x8848;
const TYPE_PPPOE_SESSION = 0x8864;
/** Smaller numbers are IEEE 802.3 lengths, not types. */
const LOWEST_TYPE = 0x0600;
const TYPE_8021Q = 0x8100;
const TYPE_8021AD = 0x88a8;
/** Used for the outer tag before 802.1ad. */
const TYPE_QINQ_9100 = 0x9100;
const TYPE_QINQ_9200 = 0x9200;
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;

/** Most tags, labels or extension headers that are read. Real packets have two or three. */
const MAX_LAYERS = 16;

/** Routing type of a segment routing header (RFC 8754 §2). */
const SEGMENT_ROUTING = 4;

/** Reads a frame from its Ethernet header on. Returns the size of the IP packet on the wire, or `NOT_IP`. */
export function readEthernet(context: DecodeContext, at: number, end: number): number {
  const { view } = context;
  if (at + ETHERNET_HEADER > end) return NOT_IP;
  let p = at + ETHERNET_HEADER;
  let type = view.getUint16(p - 2);
  for (let tags = 0; isVlanTag(type); tags++) {
    if (tags === MAX_LAYERS || p + 4 > end) return NOT_IP;
    type = view.getUint16(p + 2);
    p += 4;
  }
  // LLC with SNAP: aa aa 03, an organisation code of zeros, then an Ethernet II type.
  if (type < LOWEST_TYPE && p + 8 <= end && view.getUint32(p) === 0xaaaa0300 && view.getUint16(p + 4) === 0) {
    type = view.getUint16(p + 6);
    if (type < LOWEST_TYPE) return NOT_IP;
    p += 8;
  }
  switch (type) {
    case TYPE_IPV4:
    case TYPE_IPV6:
      return readIp(context, p, end);
    case TYPE_MPLS:
    case TYPE_MPLS_UPSTREAM:
      return readMpls(context, p, end);
    case TYPE_PPPOE_SESSION: {
      if (p + 8 > end) return NOT_IP;
      const protocol = view.getUint16(p + 6);
      return protocol === PPP_IPV4 || protocol === PPP_IPV6 ? readIp(context, p + 8, end) : NOT_IP;
    }
    default:
      return NOT_IP;
  }
}

function isVlanTag(type: number): boolean {
  return type === TYPE_8021Q || type === TYPE_8021AD || type === TYPE_QINQ_9100 || type === TYPE_QINQ_9200;
}

/**
 * Reads a label stack and the packet under it. MPLS does not say what that packet is: a first nibble of 4 or 6 means
 * IP, a zero nibble is the control word of a pseudowire (RFC 4385 §3), followed by an Ethernet frame.
 */
export function readMpls(context: DecodeContext, at: number, end: number): number {
  const { view } = context;
  let p = at;
  for (let labels = 0; ; labels++) {
    if (labels === MAX_LAYERS || p + 4 > end) return NOT_IP;
    const bottom = view.getUint8(p + 2) & 1;
    p += 4;
    if (bottom === 1) break;
  }
  if (p >= end) return NOT_IP;
  switch (view.getUint8(p) >>> 4) {
    case 4:
    case 6:
      return readIp(context, p, end);
    case 0:
      return readEthernet(context, p + 4, end);
    default:
      return NOT_IP;
  }
}

/** Reads a packet from its IP header on. Returns the size of the packet on the wire, or `NOT_IP`. */
export function readIp(context: DecodeContext, at: number, end: number): number {
  if (at >= end) return NOT_IP;
  switch (context.view.getUint8(at) >>> 4) {
    case 4:
      return readIpv4(context, at, end);
    case 6:
      return readIpv6(context, at, end);
    default:
      return NOT_IP;
  }
}

function readIpv4(context: DecodeContext, at: number, end: number): number {
  const { view, batch, row } = context;
  const headerBytes = (view.getUint8(at) & 15) * 4;
  if (at + IPV4_HEADER > end || headerBytes < IPV4_HEADER) return NOT_IP;
  readIpv4Pair(view, at + 12, batch, row);
  const protocol = view.getUint8(at + 9);
  const moreAndOffset = view.getUint16(at + 6) & 0x3fff;
  batch.ipProtocol[row] = protocol;
  batch.fragment[row] = moreAndOffset === 0 ? 0 : 1;
  if ((moreAndOffset & 0x1fff) === 0) readTransport(context, at + headerBytes, end, protocol);
  return Math.max(view.getUint16(at + 2), headerBytes);
}

function readIpv6(context: DecodeContext, at: number, end: number): number {
  const { view, batch, row } = context;
  if (at + IPV6_HEADER > end) return NOT_IP;
  readIpv6Pair(view, at + 8, batch, row);
  readExtensionHeaders(context, at + IPV6_HEADER, end, view.getUint8(at + 6));
  return IPV6_HEADER + view.getUint16(at + 4);
}

/** Walks the extension headers (RFC 8200 §4) to the transport header. `next` is the type of the header at `at`. */
function readExtensionHeaders(context: DecodeContext, at: number, end: number, next: number): void {
  const { view, batch, row } = context;
  let p = at;
  let kind = next;
  let segmentRouted = false;
  for (let headers = 0; headers < MAX_LAYERS; headers++) {
    batch.ipProtocol[row] = kind;
    if (!isExtensionHeader(kind)) {
      // An operator's own SRv6 transport: the hosts are the addresses of the inner packet (RFC 8986 §5).
      const inside = segmentRouted && (kind === IPV4_IN_IP || kind === IPV6_IN_IP);
      if (!inside || readIp(context, p, end) === NOT_IP) readTransport(context, p, end, kind);
      return;
    }
    if (p + 8 > end) return;
    const following = view.getUint8(p);
    if (kind === FRAGMENT) {
      const offsetAndMore = view.getUint16(p + 2) & 0xfff9;
      if (offsetAndMore !== 0) batch.fragment[row] = 1;
      if (offsetAndMore > 1) {
        batch.ipProtocol[row] = following;
        return;
      }
      p += 8;
    } else if (kind === AUTHENTICATION) {
      p += (view.getUint8(p + 1) + 2) * 4;
    } else {
      if (kind === ROUTING && view.getUint8(p + 2) === SEGMENT_ROUTING) segmentRouted = true;
      p += (view.getUint8(p + 1) + 1) * 8;
    }
    kind = following;
  }
}

function isExtensionHeader(kind: number): boolean {
  switch (kind) {
    case HOP_BY_HOP:
    case ROUTING:
    case FRAGMENT:
    case AUTHENTICATION:
    case DESTINATION_OPTIONS:
    case MOBILITY:
    case HIP:
    case SHIM6:
      return true;
    default:
      return false;
  }
}

function readTransport(context: DecodeContext, at: number, end: number, protocol: number): void {
  const { view, batch, row } = context;
  switch (protocol) {
    case TCP:
      if (at + 14 <= end) batch.tcpFlags[row] = view.getUint8(at + 13);
      readPorts(context, at, end);
      break;
    case UDP:
    case UDP_LITE:
    case DCCP:
    case SCTP:
      readPorts(context, at, end);
      break;
    case ICMP:
    case ICMPV6:
      // Type and code are adjacent bytes, so this reads type × 256 + code.
      if (at + 2 <= end) batch.dstPort[row] = view.getUint16(at);
      break;
    default:
  }
}

function readPorts(context: DecodeContext, at: number, end: number): void {
  const { view, batch, row } = context;
  if (at + 4 > end) return;
  batch.srcPort[row] = view.getUint16(at);
  batch.dstPort[row] = view.getUint16(at + 2);
}
