/*
 * The pcap file format: a header, then packets, in the byte order of the machine that wrote them.
 *
 *   header  0 magic (for byte order and unit of time), 4 version, 8 zone, 12 accuracy, 16 snap length,
 *           20 link type
 *   packet  0 seconds, 4 micro- or nanoseconds, 8 bytes here, 12 bytes on the wire, 16 packet
 */
import { type CapturedPacket, CaptureError, type CaptureSummary } from './capturedPacket.ts';

const FILE_HEADER = 24;
const PACKET_HEADER = 16;

const MICROSECONDS_MAGIC = 0xa1b2c3d4;
const NANOSECONDS_MAGIC = 0xa1b23c4d;

/** No capture tool writes larger packets: a larger length means that the file is damaged. */
const MAX_PACKET_BYTES = 0x0400_0000;

/** The upper bits of the link type field describe frame check sequences. */
const LINK_TYPE_BITS = 0x0fff_ffff;

/** The packets of a pcap file. A cut at its end is noted in the summary. */
export function* packetsOfPcap(bytes: Uint8Array, summary: CaptureSummary): Generator<CapturedPacket> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < FILE_HEADER) {
    throw new CaptureError(`a pcap file begins with ${FILE_HEADER} bytes, this has ${bytes.length}`);
  }
  const little = isMagic(view.getUint32(0, true));
  if (!little && !isMagic(view.getUint32(0))) {
    const magic = view.getUint32(0).toString(16).padStart(8, '0');
    throw new CaptureError(`byte 0 begins with ${magic}, which is neither pcap nor pcapng`);
  }
  const unitsPerMs = view.getUint32(0, little) === NANOSECONDS_MAGIC ? 1_000_000 : 1000;
  const linkType = view.getUint32(20, little) & LINK_TYPE_BITS;
  for (let at = FILE_HEADER; at < bytes.length; ) {
    if (at + PACKET_HEADER > bytes.length) {
      summary.truncated = `the file ends at byte ${bytes.length}, within the packet header at byte ${at}`;
      return;
    }
    const length = view.getUint32(at + 8, little);
    const offset = at + PACKET_HEADER;
    if (length > MAX_PACKET_BYTES) {
      throw new CaptureError(`the packet at byte ${at} claims to hold ${length} bytes`);
    }
    if (offset + length > bytes.length) {
      summary.truncated = `the file ends at byte ${bytes.length}, within the packet at byte ${at}`;
      return;
    }
    const timeMs = view.getUint32(at, little) * 1000 + view.getUint32(at + 4, little) / unitsPerMs;
    yield { timeMs, linkType, offset, length };
    at = offset + length;
  }
}

function isMagic(word: number): boolean {
  return word === MICROSECONDS_MAGIC || word === NANOSECONDS_MAGIC;
}
