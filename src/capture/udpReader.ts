/*
 * Finds the UDP datagram in a captured packet: link layer, IPv4 or IPv6, fragments (RFC 791 §3.2, RFC 8200 §4.5).
 * Telemetry datagrams larger than the MTU arrive in fragments, and the busiest exporters send the largest datagrams.
 */
import { type Address, addressOfWords } from '../net/address.ts';
import { DESTINATION_OPTIONS, FRAGMENT, HOP_BY_HOP, ROUTING, UDP } from '../net/protocolNumbers.ts';
import type { CapturedPacket, CaptureSummary } from './capturedPacket.ts';

/** Link types by tcpdump's registry. */
const LINK_NULL = 0;
const LINK_ETHERNET = 1;
const LINK_RAW = 101;
/** What BSDs wrote for raw IP before the registry existed. */
const LINK_RAW_BSD = [12, 14];
const LINK_LOOP = 108;
const LINK_LINUX_COOKED = 113;
const LINK_IPV4 = 228;
const LINK_IPV6 = 229;
const LINK_LINUX_COOKED_2 = 276;

const TYPE_IPV4 = 0x0800;
const TYPE_IPV6 = 0x86dd;
const VLAN_TYPES = [0x8100, 0x88a8, 0x9100];

/** Extension headers that may come before UDP: hop-by-hop, routing, destination options. */
const SKIPPED_HEADERS = [HOP_BY_HOP, ROUTING, DESTINATION_OPTIONS];

const UDP_HEADER = 8;

/** Datagrams that are reassembled at one time; then the oldest is dropped. A capture has a few. */
const MAX_REASSEMBLIES = 64;
const MAX_DATAGRAM = 65_535;

/** An IP packet or fragment: its payload is bytes [at, end) of the capture. */
interface IpPayload {
  readonly src: Address;
  readonly dst: Address;
  readonly protocol: number;
  readonly at: number;
  readonly end: number;
  /** Whether the capture cut the payload off. */
  readonly cut: boolean;
  readonly fragmentId: number;
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
}

interface Reassembly {
  readonly bytes: Uint8Array;
  received: number;
  /** Bytes of the whole datagram; 0 until its last fragment has arrived. */
  total: number;
}

/** One UDP datagram of a capture. */
export interface CaptureDatagram {
  /** When it was captured, milliseconds since the epoch, with fractions. */
  readonly timeMs: number;
  readonly src: Address;
  readonly dst: Address;
  readonly srcPort: number;
  readonly dstPort: number;
  /** A view into the capture, or a separate buffer where it was reassembled from fragments. */
  readonly payload: Uint8Array;
}

/** Reads the packets of one capture, in their order. */
export class UdpReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #summary: CaptureSummary;
  readonly #reassemblies = new Map<string, Reassembly>();

  /** `bytes` is the file. Packets that cannot be read are counted in the summary. */
  constructor(bytes: Uint8Array, summary: CaptureSummary) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#summary = summary;
  }

  /** The datagram in the packet, or the one that this fragment completes; undefined where there is none. */
  read(packet: CapturedPacket): CaptureDatagram | undefined {
    const end = packet.offset + packet.length;
    const ipAt = this.#findIp(packet.linkType, packet.offset, end);
    const ip = ipAt < 0 ? undefined : this.#readIp(ipAt, end);
    if (ip === undefined || ip.protocol !== UDP) {
      this.#summary.notUdp++;
      return undefined;
    }
    if (ip.cut) {
      this.#summary.cutShort++;
      return undefined;
    }
    if (!ip.moreFragments && ip.fragmentOffset === 0) {
      return this.#readUdp(ip, packet.timeMs, this.#bytes.subarray(ip.at, ip.end));
    }
    const whole = this.#reassemble(ip);
    return whole === undefined ? undefined : this.#readUdp(ip, packet.timeMs, whole);
  }

  /** Counts the datagrams of which fragments are missing. Called after the last packet. */
  finish(): void {
    this.#summary.incompleteFragments += this.#reassemblies.size;
    this.#reassemblies.clear();
  }

  /** Where the IP header begins; -1 where the packet is not IP. */
  #findIp(linkType: number, at: number, end: number): number {
    switch (linkType) {
      case LINK_ETHERNET:
        return this.#skipVlans(at + 12, end);
      case LINK_LINUX_COOKED:
        return this.#skipVlans(at + 14, end);
      case LINK_LINUX_COOKED_2:
        return at + 20 <= end && this.#isIpType(this.#view.getUint16(at)) ? at + 20 : -1;
      case LINK_NULL:
      case LINK_LOOP:
        return at + 4;
      case LINK_RAW:
      case LINK_IPV4:
      case LINK_IPV6:
        return at;
      default:
        return LINK_RAW_BSD.includes(linkType) ? at : -1;
    }
  }

  /** Skips VLAN tags, from an EtherType field on. */
  #skipVlans(typeAt: number, end: number): number {
    let p = typeAt;
    while (p + 2 <= end && VLAN_TYPES.includes(this.#view.getUint16(p))) p += 4;
    return p + 2 <= end && this.#isIpType(this.#view.getUint16(p)) ? p + 2 : -1;
  }

  #isIpType(type: number): boolean {
    return type === TYPE_IPV4 || type === TYPE_IPV6;
  }

  #readIp(at: number, end: number): IpPayload | undefined {
    if (at >= end) return undefined;
    switch (this.#view.getUint8(at) >>> 4) {
      case 4:
        return this.#readIpv4(at, end);
      case 6:
        return this.#readIpv6(at, end);
      default:
        return undefined;
    }
  }

  #readIpv4(at: number, end: number): IpPayload | undefined {
    const view = this.#view;
    if (at + 20 > end) return undefined;
    const headerBytes = (view.getUint8(at) & 15) * 4;
    // Segmentation offload leaves a total length of zero.
    const packetEnd = at + (view.getUint16(at + 2) || end - at);
    if (headerBytes < 20 || at + headerBytes > Math.min(packetEnd, end)) return undefined;
    const flagsAndOffset = view.getUint16(at + 6);
    return {
      src: addressOfWords(0, 0, 0xffff, view.getUint32(at + 12)),
      dst: addressOfWords(0, 0, 0xffff, view.getUint32(at + 16)),
      protocol: view.getUint8(at + 9),
      at: at + headerBytes,
      end: Math.min(packetEnd, end),
      cut: packetEnd > end,
      fragmentId: view.getUint16(at + 4),
      fragmentOffset: (flagsAndOffset & 0x1fff) * 8,
      moreFragments: (flagsAndOffset & 0x2000) !== 0,
    };
  }

  #readIpv6(at: number, end: number): IpPayload | undefined {
    const view = this.#view;
    if (at + 40 > end) return undefined;
    const packetEnd = at + 40 + view.getUint16(at + 4);
    const readableEnd = Math.min(packetEnd, end);
    let p = at + 40;
    let next = view.getUint8(at + 6);
    let fragmentId = 0;
    let offsetAndMore = 0;
    while (next === FRAGMENT || SKIPPED_HEADERS.includes(next)) {
      if (p + 8 > readableEnd) return undefined;
      const header = next;
      next = view.getUint8(p);
      if (header === FRAGMENT) {
        offsetAndMore = view.getUint16(p + 2);
        fragmentId = view.getUint32(p + 4);
        p += 8;
        if ((offsetAndMore & 0xfff8) !== 0) break;
      } else {
        p += (view.getUint8(p + 1) + 1) * 8;
      }
    }
    if (p > readableEnd) return undefined;
    return {
      src: this.#readAddress(at + 8),
      dst: this.#readAddress(at + 24),
      protocol: next,
      at: p,
      end: readableEnd,
      cut: packetEnd > end,
      fragmentId,
      fragmentOffset: offsetAndMore & 0xfff8,
      moreFragments: (offsetAndMore & 1) !== 0,
    };
  }

  #readAddress(at: number): Address {
    const view = this.#view;
    return addressOfWords(view.getUint32(at), view.getUint32(at + 4), view.getUint32(at + 8), view.getUint32(at + 12));
  }

  #readUdp(ip: IpPayload, timeMs: number, datagram: Uint8Array): CaptureDatagram | undefined {
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
    if (datagram.length < UDP_HEADER) {
      this.#summary.notUdp++;
      return undefined;
    }
    const udpBytes = view.getUint16(4);
    const end = udpBytes >= UDP_HEADER && udpBytes <= datagram.length ? udpBytes : datagram.length;
    return {
      timeMs,
      src: ip.src,
      dst: ip.dst,
      srcPort: view.getUint16(0),
      dstPort: view.getUint16(2),
      payload: datagram.subarray(UDP_HEADER, end),
    };
  }

  /** Adds a fragment. Returns the whole datagram when it is complete. */
  #reassemble(ip: IpPayload): Uint8Array | undefined {
    const { src, dst, fragmentId, fragmentOffset } = ip;
    const key = [
      src.word0,
      src.word1,
      src.word2,
      src.word3,
      dst.word0,
      dst.word1,
      dst.word2,
      dst.word3,
      fragmentId,
    ].join();
    const length = ip.end - ip.at;
    if (fragmentOffset + length > MAX_DATAGRAM) return undefined;
    let reassembly = this.#reassemblies.get(key);
    if (reassembly === undefined) {
      this.#makeRoom();
      reassembly = { bytes: new Uint8Array(MAX_DATAGRAM), received: 0, total: 0 };
      this.#reassemblies.set(key, reassembly);
    }
    reassembly.bytes.set(this.#bytes.subarray(ip.at, ip.end), fragmentOffset);
    reassembly.received += length;
    if (!ip.moreFragments) reassembly.total = fragmentOffset + length;
    if (reassembly.total === 0 || reassembly.received < reassembly.total) return undefined;
    this.#reassemblies.delete(key);
    return reassembly.bytes.subarray(0, reassembly.total);
  }

  #makeRoom(): void {
    const [oldest] = this.#reassemblies.keys();
    if (oldest === undefined || this.#reassemblies.size < MAX_REASSEMBLIES) return;
    this.#reassemblies.delete(oldest);
    this.#summary.incompleteFragments++;
  }
}
