/*
 * Builds a capture in memory: a pcap file (draft-ietf-opsawg-pcap, link type 101, raw IP) of UDP datagrams over IPv4.
 */
import { address } from '../fixtures/addressFixture.ts';

const LINKTYPE_RAW = 101;

export class CaptureFile {
  readonly #parts: Buffer[] = [];

  constructor() {
    const header = Buffer.alloc(24);
    header.writeUInt32LE(0xa1b2c3d4, 0);
    header.writeUInt16LE(2, 4);
    header.writeUInt16LE(4, 6);
    header.writeUInt32LE(65_535, 16);
    header.writeUInt32LE(LINKTYPE_RAW, 20);
    this.#parts.push(header);
  }

  /** `timeMs`: epoch milliseconds. */
  add(timeMs: number, source: string, port: number, payload: Uint8Array): void {
    const ipBytes = 28 + payload.length;
    const packet = Buffer.alloc(16 + 28);
    packet.writeUInt32LE(Math.floor(timeMs / 1_000), 0);
    packet.writeUInt32LE(Math.floor((timeMs % 1_000) * 1_000), 4);
    packet.writeUInt32LE(ipBytes, 8);
    packet.writeUInt32LE(ipBytes, 12);
    packet.writeUInt8(0x45, 16);
    packet.writeUInt16BE(ipBytes, 18);
    packet.writeUInt8(64, 24);
    packet.writeUInt8(17, 25);
    packet.writeUInt32BE(address(source).word3, 28);
    packet.writeUInt32BE(address('198.51.100.1').word3, 32);
    packet.writeUInt16BE(40_000, 36);
    packet.writeUInt16BE(port, 38);
    packet.writeUInt16BE(8 + payload.length, 40);
    this.#parts.push(packet, Buffer.from(payload));
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
