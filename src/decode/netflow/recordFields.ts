/*
 * Finds the fields of one record of a template, for records that cannot be read in columns: those with fields of
 * variable length (RFC 7011 §7: a length byte, or 255 and two length bytes, before the value), and options records.
 */

import type { Template } from '../exporter/template.ts';
import { VARIABLE_LENGTH } from './informationElements.ts';

/** More fields than a template set of the largest datagram can announce, at four bytes each. */
const MAX_FIELDS = 16_384;

/** Where the record does not fit between its start and the end of the set. */
export const RECORD_OVERRUN = -1;

/** Byte and size of each field of the record found last; shared by all, valid until the next `locateFields`. */
export const fieldStarts = new Int32Array(MAX_FIELDS);
export const fieldSizes = new Int32Array(MAX_FIELDS);

/** Finds the fields of the record at `at`. One past its last byte, or `RECORD_OVERRUN`. */
export function locateFields(template: Template, view: DataView, at: number, end: number): number {
  const { lengths } = template;
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
