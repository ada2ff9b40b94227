/*
 * The fields of one record: where they are, for records that cannot be read in columns (those with fields of variable
 * length, RFC 7011 §7, and options records), and how an integer of any length is read.
 *
 *   variable length  0 length, or 255 and two bytes of length, then the value
 */
import type { DecodeContext } from '../decodeContext.ts';
import { VARIABLE_LENGTH } from './informationElements.ts';

/** Longest integer that is read. Numbers above 2^53 are rounded to the nearest double. */
export const MAX_INTEGER_BYTES = 8;

/** Where the record does not fit between its start and the end of the set. */
export const RECORD_OVERRUN = -1;

/**
 * Finds the fields of the record at `at` and writes where they are into the context, valid until the next call.
 * `lengths` are the template's. Returns the byte after the record, or `RECORD_OVERRUN`.
 */
export function locateFields(context: DecodeContext, lengths: Uint16Array, at: number, end: number): number {
  const { view, fieldStarts, fieldSizes } = context;
  let p = at;
  for (let i = 0; i < lengths.length; i++) {
    let size = lengths[i];
    if (size === VARIABLE_LENGTH) {
      if (p >= end) return RECORD_OVERRUN;
      size = view.getUint8(p);
      p += 1;
      if (size === 255) {
        if (p + 2 > end) return RECORD_OVERRUN;
        size = view.getUint16(p);
        p += 2;
      }
    }
    fieldStarts[i] = p;
    fieldSizes[i] = size;
    p += size;
  }
  return p <= end ? p : RECORD_OVERRUN;
}

/**
 * Reads a big-endian unsigned integer of `size` bytes, 1 to 8: templates may give a counter of eight octets any shorter
 * length (reduced-size encoding, RFC 7011 §6.2). The caller has checked that the bytes are there.
 */
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
