/*
 * Big-endian unsigned integers of the lengths that templates may give an element (reduced-size encoding,
 * RFC 7011 §6.2): a counter of eight octets comes in four, three or one as readily.
 */

/** Longest integer that is read; numbers beyond 2^53 come as the nearest double. */
export const MAX_INTEGER_BYTES = 8;

/** Reads `size` bytes, 1 to 8. The caller has checked that they are there. */
export function readUnsigned(view: DataView, at: number, size: number): number {
  switch (size) {
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at);
    case 4:
      return view.getUint32(at);
    case 8:
      return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
    default: {
      let value = 0;
      for (let i = at; i < at + size; i++) value = value * 256 + view.getUint8(i);
      return value;
    }
  }
}
