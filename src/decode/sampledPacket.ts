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
import { fitsIpv4, fitsIpv6, hasIpv4Checksum, ipv6Evidence, isIpv4BeforeChecksum } from './ipHeaderFit.ts';

/** What a reader returns where there is no IP packet, or too little of it for both addresses. */
export const NOT_IP = 0;

const ETHERNET_HEADER = 14;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;

const TYPE_IPV4 = 0x0800;
const TYPE_ARP = 0x0806;
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

/** Most label stacks in each other: a customer of Ethernet over MPLS may use MPLS as well. */
const MAX_STACKS = 2;

/** The control word of a pseudowire, before the frame (RFC 4385 §3). */
const CONTROL_WORD = 4;

/** Routing type of a segment routing header (RFC 8754 §2). */
const SEGMENT_ROUTING = 4;

/**
 * Reads a frame from its Ethernet header on. Bytes [at, end) of it were sampled; on the wire it ended at `frameEnd`, which
 * may be `FRAME_END_UNKNOWN`. Returns the size of the IP packet on the wire, or `NOT_IP`.
 */
export function readEthernet(context: DecodeContext, at: number, end: number, frameEnd: number): number {
  return readFrame(context, at, end, frameEnd, 0);
}

/** Reads a frame under so many label `stacks`. Under one, that it is a frame is a guess, and its packet must fit it. */
function readFrame(context: DecodeContext, at: number, end: number, frameEnd: number, stacks: number): number {
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
  if (type === TYPE_PPPOE_SESSION) {
    if (p + 8 > end) return NOT_IP;
    type = ethernetType(view.getUint16(p + 6));
    p += 8;
  }
  switch (type) {
    case TYPE_IPV4:
      return stacks === 0 || fitsIpv4(view, p, end, frameEnd) ? readIp(context, p, end) : NOT_IP;
    case TYPE_IPV6:
      return stacks === 0 || fitsIpv6(view, p, end, frameEnd) ? readIp(context, p, end) : NOT_IP;
    case TYPE_MPLS:
    case TYPE_MPLS_UPSTREAM:
      return stacks < MAX_STACKS ? readLabelStack(context, p, end, frameEnd, stacks + 1) : NOT_IP;
    default:
      return NOT_IP;
  }
}

/** The type that a PPP protocol has in Ethernet, 0 for those that are not IP. */
function ethernetType(pppProtocol: number): number {
  switch (pppProtocol) {
    case PPP_IPV4:
      return TYPE_IPV4;
    case PPP_IPV6:
      return TYPE_IPV6;
    default:
      return 0;
  }
}

function isVlanTag(type: number): boolean {
  return type === TYPE_8021Q || type === TYPE_8021AD || type === TYPE_QINQ_9100 || type === TYPE_QINQ_9200;
}

/** Reads a packet from its label stack on, as `readEthernet` reads a frame. */
export function readMpls(context: DecodeContext, at: number, end: number, frameEnd: number): number {
  return readLabelStack(context, at, end, frameEnd, 1);
}

function readLabelStack(context: DecodeContext, at: number, end: number, frameEnd: number, stacks: number): number {
  const { view } = context;
  let p = at;
  for (let labels = 0; ; labels++) {
    if (labels === MAX_LAYERS || p + 4 > end) return NOT_IP;
    const bottom = view.getUint8(p + 2) & 1;
    p += 4;
    if (bottom === 1) break;
  }
  return p < end ? readUnderLabels(context, p, end, frameEnd, stacks) : NOT_IP;
}

/**
 * Reads what is under a label stack, which does not say what it is. A first nibble of 4 or 6 should mean IP and one of 0
 * a control word before an Ethernet frame (RFC 4385 §3). But pseudowires without a control word exist (RFC 4448 §4.6),
 * and an Ethernet address may begin with any nibble. So the best evidence decides, and without any there is no packet.
 */
function readUnderLabels(context: DecodeContext, at: number, end: number, frameEnd: number, stacks: number): number {
  const { view } = context;
  const isIpv4 = fitsIpv4(view, at, end, frameEnd);
  if (isIpv4 && hasIpv4Checksum(view, at, end)) return readIpv4(context, at, end);
  const evidence = fitsIpv6(view, at, end, frameEnd) ? ipv6Evidence(view, at, frameEnd) : 0;
  if (evidence === 3) return readIpv6(context, at, end);
  const bytes = readPseudowire(context, at, end, frameEnd, stacks);
  if (bytes !== NOT_IP || isKnownFrame(view, at, end)) return bytes;
  if (isIpv4 && isIpv4BeforeChecksum(view, at)) return readIpv4(context, at, end);
  return evidence === 2 ? readIpv6(context, at, end) : NOT_IP;
}

/** Reads an Ethernet frame with or without a control word. */
function readPseudowire(context: DecodeContext, at: number, end: number, frameEnd: number, stacks: number): number {
  const { view } = context;
  const nibble = view.getUint8(at) >>> 4;
  if (nibble > 1) return readFrame(context, at, end, frameEnd, stacks);
  // A control word that is not used is zero; addresses that begin with 00:00 are usual, with four zeros they are not.
  const hasEmptyWord = at + CONTROL_WORD <= end && view.getUint32(at) === 0;
  const first = hasEmptyWord ? at + CONTROL_WORD : at;
  const second = hasEmptyWord ? at : at + CONTROL_WORD;
  const bytes = readFrame(context, first, end, frameEnd, stacks);
  return bytes === NOT_IP ? readFrame(context, second, end, frameEnd, stacks) : bytes;
}

/** Whether there is the type of a usual frame where an Ethernet header at `at` has it. */
function isKnownFrame(view: DataView, at: number, end: number): boolean {
  if (at + ETHERNET_HEADER > end) return false;
  const type = view.getUint16(at + ETHERNET_HEADER - 2);
  switch (type) {
    case TYPE_IPV4:
    case TYPE_IPV6:
    case TYPE_ARP:
    case TYPE_MPLS:
    case TYPE_PPPOE_SESSION:
      return true;
    default:
      return isVlanTag(type);
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
