/*
 * Reads the UDP datagrams out of a capture file, pcap or pcapng (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng),
 * held in memory. For `decode` and `replay`: what is not UDP is passed over and counted, a file that cannot be read as
 * a capture is a CaptureError, and a file that was cut off gives what precedes the cut.
 */
import type { Address } from '../net/address.ts';
import { packetsOfPcap } from './pcapFile.ts';
import { isPcapng, packetsOfPcapng } from './pcapngFile.ts';
import { UdpReader } from './udpReader.ts';

/** One UDP datagram of a capture. */
export interface CaptureDatagram {
  /** When it was captured, milliseconds since the epoch, with fractions. */
  readonly timeMs: number;
  readonly src: Address;
  readonly dst: Address;
  readonly srcPort: number;
  readonly dstPort: number;
  /** A view into the capture, or a buffer of its own where it was put together from fragments. */
  readonly payload: Uint8Array;
}

/** What of a capture was passed over; final once its datagrams have been read. */
export interface CaptureSummary {
  /** Packets in the capture, of any kind. */
  packets: number;
  datagrams: number;
  /** Packets without UDP, or of a link type that cannot be read. */
  notUdp: number;
  /** Datagrams that the capture holds only the beginning of (a snap length too short). */
  cutShort: number;
  /** Datagrams of which fragments are missing. */
  incompleteFragments: number;
  /** What is wrong at the end of the file and where, in words; undefined where nothing is. */
  truncated: string | undefined;
}

export interface Capture {
  readonly datagrams: Iterable<CaptureDatagram>;
  readonly summary: CaptureSummary;
}

/** A captured packet as the file formats hand it on: bytes [offset, offset + length) of the file. */
export interface CapturedPacket {
  readonly timeMs: number;
  readonly linkType: number;
  readonly offset: number;
  readonly length: number;
}

/** Opens a capture. Errors come as CaptureError, here or while the datagrams are read. */
export function readCapture(bytes: Uint8Array): Capture {
  const summary: CaptureSummary = {
    packets: 0,
    datagrams: 0,
    notUdp: 0,
    cutShort: 0,
    incompleteFragments: 0,
    truncated: undefined,
  };
  const packets = isPcapng(bytes) ? packetsOfPcapng(bytes, summary) : packetsOfPcap(bytes, summary);
  return { datagrams: datagramsOf(bytes, packets, summary), summary };
}

function* datagramsOf(
  bytes: Uint8Array,
  packets: Iterable<CapturedPacket>,
  summary: CaptureSummary,
): Generator<CaptureDatagram> {
  const reader = new UdpReader(bytes, summary);
  for (const packet of packets) {
    summary.packets++;
    const datagram = reader.read(packet);
    if (datagram === undefined) continue;
    summary.datagrams++;
    yield datagram;
  }
  reader.finish();
}
