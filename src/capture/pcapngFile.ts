/*
 * The pcapng file format: blocks in sections, each section in its own byte order, each interface with its own link
 * type and unit of time.
 *
 *   block            0 type, 4 length of the block, 8 body, then the length again
 *   section header   8 byte order magic, 12 version, 16 length of the section
 *   interface        8 link type, 12 snap length, 16 options
 *   enhanced packet  8 interface, 12 time (two words), 20 bytes here, 24 bytes on the wire, 28 packet
 *   simple packet    8 bytes on the wire, 12 packet
 *   option           0 code, 2 length, 4 value, then padding to four bytes
 */
import { type CapturedPacket, CaptureError, type CaptureSummary } from './capturedPacket.ts';

const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const INTERFACE = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;

/** Type and length before the body, length after it. */
const BLOCK_FRAME = 12;

const OPTION_END = 0;
const OPTION_TIME_RESOLUTION = 9;
const OPTION_TIME_OFFSET = 14;

interface CaptureInterface {
  readonly linkType: number;
  readonly snapLength: number;
  readonly unitsPerSecond: bigint;
  readonly offsetSeconds: number;
}

/** The current section. */
interface Section {
  readonly view: DataView;
  readonly little: boolean;
  readonly interfaces: CaptureInterface[];
}

export function isPcapng(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) === SECTION_HEADER;
}

/** The packets of a pcapng file. A cut at its end is noted in the summary. */
export function* packetsOfPcapng(bytes: Uint8Array, summary: CaptureSummary): Generator<CapturedPacket> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let section: Section | undefined;
  for (let at = 0; at < bytes.length; ) {
    if (at + BLOCK_FRAME > bytes.length) {
      summary.truncated = `the file ends at byte ${bytes.length}, within the block at byte ${at}`;
      return;
    }
    // The type of a section header is the same in both byte orders.
    if (view.getUint32(at) === SECTION_HEADER) section = readSectionHeader(view, at);
    if (section === undefined) throw new CaptureError(`byte ${at} must begin a section header`);
    const length = view.getUint32(at + 4, section.little);
    if (length < BLOCK_FRAME || length % 4 !== 0) {
      throw new CaptureError(`the block at byte ${at} claims to be ${length} bytes long`);
    }
    if (at + length > bytes.length) {
      summary.truncated = `the file ends at byte ${bytes.length}, within the block at byte ${at}`;
      return;
    }
    const packet = readBlock(section, at, at + length - 4);
    if (packet !== undefined) yield packet;
    at += length;
  }
}

function readSectionHeader(view: DataView, at: number): Section {
  if (view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC) return { view, little: true, interfaces: [] };
  if (view.getUint32(at + 8) === BYTE_ORDER_MAGIC) return { view, little: false, interfaces: [] };
  throw new CaptureError(`the section header at byte ${at} has no byte order magic`);
}

/** Reads an interface into the section, or returns the packet of the block. `end` is where the body ends. */
function readBlock(section: Section, at: number, end: number): CapturedPacket | undefined {
  const { view, little, interfaces } = section;
  switch (view.getUint32(at, little)) {
    case INTERFACE:
      interfaces.push(readInterface(section, at, end));
      return undefined;
    case ENHANCED_PACKET:
      return readPacket(section, at, end, (bodyAt) => view.getUint32(bodyAt, little));
    case OBSOLETE_PACKET:
      return readPacket(section, at, end, (bodyAt) => view.getUint16(bodyAt, little));
    case SIMPLE_PACKET: {
      const captured = interfaceOf(section, 0, at);
      if (at + 12 > end) throw new CaptureError(`the packet block at byte ${at} is too short`);
      const wireLength = view.getUint32(at + 8, little);
      const kept = captured.snapLength === 0 ? wireLength : Math.min(wireLength, captured.snapLength);
      return { timeMs: 0, linkType: captured.linkType, offset: at + 12, length: Math.min(kept, end - at - 12) };
    }
    default:
      return undefined;
  }
}

function readInterface(section: Section, at: number, end: number): CaptureInterface {
  const { view, little } = section;
  if (at + 16 > end) throw new CaptureError(`the interface block at byte ${at} is too short`);
  let unitsPerSecond = 1_000_000n;
  let offsetSeconds = 0;
  for (let p = at + 16; p + 4 <= end; ) {
    const code = view.getUint16(p, little);
    const length = view.getUint16(p + 2, little);
    if (code === OPTION_END || p + 4 + length > end) break;
    if (code === OPTION_TIME_RESOLUTION && length === 1) {
      const exponent = BigInt(view.getUint8(p + 4));
      unitsPerSecond = exponent < 128n ? 10n ** exponent : 2n ** (exponent - 128n);
    } else if (code === OPTION_TIME_OFFSET && length === 8) {
      offsetSeconds = Number(view.getBigInt64(p + 4, little));
    }
    p += 4 + Math.ceil(length / 4) * 4;
  }
  const snapLength = view.getUint32(at + 12, little);
  return { linkType: view.getUint16(at + 8, little), snapLength, unitsPerSecond, offsetSeconds };
}

function readPacket(
  section: Section,
  at: number,
  end: number,
  readInterfaceIndex: (bodyAt: number) => number,
): CapturedPacket {
  const { view, little } = section;
  const offset = at + 28;
  if (offset > end) throw new CaptureError(`the packet block at byte ${at} is too short`);
  const captured = interfaceOf(section, readInterfaceIndex(at + 8), at);
  const length = view.getUint32(at + 20, little);
  if (offset + length > end) {
    throw new CaptureError(`the packet at byte ${at} claims ${length} bytes, more than its block`);
  }
  const units = (BigInt(view.getUint32(at + 12, little)) << 32n) | BigInt(view.getUint32(at + 16, little));
  const timeMs = captured.offsetSeconds * 1000 + toMilliseconds(units, captured.unitsPerSecond);
  return { timeMs, linkType: captured.linkType, offset, length };
}

/** Divides before it converts: nanoseconds since the epoch do not fit into a double. */
function toMilliseconds(units: bigint, unitsPerSecond: bigint): number {
  return Number(units / unitsPerSecond) * 1000 + (Number(units % unitsPerSecond) * 1000) / Number(unitsPerSecond);
}

function interfaceOf(section: Section, index: number, at: number): CaptureInterface {
  const captured = section.interfaces[index];
  if (captured !== undefined) return captured;
  throw new CaptureError(`the packet at byte ${at} names interface ${index}, which is not described`);
}
