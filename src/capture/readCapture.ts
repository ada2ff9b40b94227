/*
 * Reads the UDP datagrams out of a capture file, pcap or pcapng (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng),
 * held in memory. For `decode` and `replay`: what is not UDP is passed over and counted, a file that cannot be read as
 * a capture is a CaptureError, and a file that was cut off gives what precedes the cut.
 */
import type { CapturedPacket, CaptureSummary } from './capturedPacket.ts';
import { packetsOfPcap } from './pcapFile.ts';
import { isPcapng, packetsOfPcapng } from './pcapngFile.ts';
import { type CaptureDatagram, UdpReader } from './udpReader.ts';

export interface Capture {
  readonly datagrams: Iterable<CaptureDatagram>;
  readonly summary: CaptureSummary;
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
