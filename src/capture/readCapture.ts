/*
 * Reads the UDP datagrams of a capture file, pcap or pcapng (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng), that is
 * in memory. Packets that are not UDP are skipped and counted. A file that is not a capture is a CaptureError. A file
 * that is cut off gives the datagrams before the cut.
 */
import type { CapturedPacket, CaptureSummary } from './capturedPacket.ts';
import { packetsOfPcap } from './pcapFile.ts';
import { isPcapng, packetsOfPcapng } from './pcapngFile.ts';
import { type CaptureDatagram, UdpReader } from './udpReader.ts';

/** An open capture file. */
export interface Capture {
  /** Can be read once. */
  readonly datagrams: Iterable<CaptureDatagram>;
  readonly summary: CaptureSummary;
}

/** Opens a capture. Throws a CaptureError, here or while the datagrams are read. */
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
