/*
 * Whether bytes can be an IP header. An MPLS label stack does not say what is under it, and the address of an Ethernet
 * frame may begin with the nibble 4 or 6 as an IP header does. So an address is only read where the header fits the
 * frame: its version, its lengths and, where there is one, its checksum (RFC 791 §3.1, RFC 1071, RFC 8200 §3).
 */
import {
  AUTHENTICATION,
  DCCP,
  DESTINATION_OPTIONS,
  ESP,
  FRAGMENT,
  GRE,
  HOP_BY_HOP,
  ICMP,
  ICMPV6,
  IPV4_IN_IP,
  IPV6_IN_IP,
  MOBILITY,
  OSPF,
  ROUTING,
  SCTP,
  TCP,
  UDP,
  UDP_LITE,
} from '../net/protocolNumbers.ts';

/** The end of a frame whose length is not known. */
export const FRAME_END_UNKNOWN = 0x3fff_ffff;

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;

/** What may follow the packet and is part of a frame's length: a checksum, and two VLAN tags that were taken away. */
const MOST_TRAILER = 12;

/**
 * Whether an IPv4 header at `at` fits a frame of which the bytes before `end` are known and which ends at `frameEnd`,
 * its checksum not looked at.
 */
export function fitsIpv4(view: DataView, at: number, end: number, frameEnd: number): boolean {
  if (at + IPV4_HEADER > end) return false;
  const versionAndWords = view.getUint8(at);
  const headerBytes = (versionAndWords & 15) * 4;
  const totalBytes = view.getUint16(at + 2);
  return (
    versionAndWords >>> 4 === 4 &&
    headerBytes >= IPV4_HEADER &&
    totalBytes >= headerBytes &&
    at + totalBytes <= frameEnd
  );
}

/** Whether the IPv4 header at `at`, which fits, has the right checksum. False where the header is cut off. */
export function hasIpv4Checksum(view: DataView, at: number, end: number): boolean {
  const headerEnd = at + (view.getUint8(at) & 15) * 4;
  if (headerEnd > end) return false;
  let sum = 0;
  for (let p = at; p < headerEnd; p += 2) sum += view.getUint16(p);
  sum = (sum & 0xffff) + (sum >>> 16);
  return ((sum + (sum >>> 16)) & 0xffff) === 0xffff;
}

/**
 * Whether the IPv4 header at `at`, which fits, was sampled before its checksum was computed, and the rest of it is
 * usual: it has a TTL and a common protocol.
 */
export function isIpv4BeforeChecksum(view: DataView, at: number): boolean {
  return view.getUint16(at + 10) === 0 && view.getUint8(at + 8) > 0 && isCommonProtocol(view.getUint8(at + 9));
}

/** Whether an IPv6 header at `at` fits a frame of which the bytes before `end` are known and which ends at `frameEnd`. */
export function fitsIpv6(view: DataView, at: number, end: number, frameEnd: number): boolean {
  if (at + IPV6_HEADER > end || view.getUint8(at) >>> 4 !== 6) return false;
  return at + IPV6_HEADER + view.getUint16(at + 4) <= frameEnd;
}

/**
 * How many of three things speak for the IPv6 header at `at`, which fits. IPv6 has no checksum. The packet ends where the
 * frame ends, which cannot be told where that end is not known; a common protocol or extension header follows; both
 * addresses are global unicast, 2000::/3 (RFC 4291 §2.4).
 */
export function ipv6Evidence(view: DataView, at: number, frameEnd: number): number {
  let evidence = 0;
  if (frameEnd - (at + IPV6_HEADER + view.getUint16(at + 4)) <= MOST_TRAILER) evidence++;
  if (isCommonProtocol(view.getUint8(at + 6))) evidence++;
  if (view.getUint8(at + 8) >>> 5 === 1 && view.getUint8(at + 24) >>> 5 === 1) evidence++;
  return evidence;
}

function isCommonProtocol(protocol: number): boolean {
  switch (protocol) {
    case HOP_BY_HOP:
    case ICMP:
    case IPV4_IN_IP:
    case TCP:
    case UDP:
    case DCCP:
    case IPV6_IN_IP:
    case ROUTING:
    case FRAGMENT:
    case GRE:
    case ESP:
    case AUTHENTICATION:
    case ICMPV6:
    case DESTINATION_OPTIONS:
    case OSPF:
    case SCTP:
    case MOBILITY:
    case UDP_LITE:
      return true;
    default:
      return false;
  }
}
