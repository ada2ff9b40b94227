/*
 * Writes one datagram, big-endian, from its first byte to its last; lengths and counts that are known only later are
 * patched into their place.
 */
import type { Address } from '../net/address.ts';

export class ByteWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Bytes written so far, and so the offset of the next. */
  position = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get room(): number {
    return this.#bytes.length - this.position;
  }

  u8(value: number): void {
    this.#view.setUint8(this.position, value);
    this.position += 1;
  }

  u16(value: number): void {
    this.#view.setUint16(this.position, value);
    this.position += 2;
  }

  u32(value: number): void {
    this.#view.setUint32(this.position, value);
    this.position += 4;
  }

  /** Exact up to 2^53. */
  u64(value: number): void {
    this.u32(Math.floor(value / 2 ** 32));
    this.u32(value % 2 ** 32);
  }

  /** An unsigned integer of 1, 2, 4 or 8 bytes. */
  unsigned(length: number, value: number): void {
    if (length === 1) this.u8(value);
    else if (length === 2) this.u16(value);
    else if (length === 4) this.u32(value);
    else this.u64(value);
  }

  /** 4 bytes of an IPv4 address, 16 of an IPv6 one. */
  address(address: Address): void {
    if (address.version === 6) {
      this.u32(address.word0);
      this.u32(address.word1);
      this.u32(address.word2);
    }
    this.u32(address.word3);
  }

  zeros(count: number): void {
    this.position += count;
  }

  /** Zeros up to the next multiple of four. */
  align4(): void {
    this.zeros(-this.position & 3);
  }

  bytes(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.position);
    this.position += bytes.length;
  }

  patchU16(offset: number, value: number): void {
    this.#view.setUint16(offset, value);
  }

  patchU32(offset: number, value: number): void {
    this.#view.setUint32(offset, value);
  }

  /** What was written, from `start` on; a copy. */
  written(start = 0): Uint8Array {
    return this.#bytes.slice(start, this.position);
  }
}
