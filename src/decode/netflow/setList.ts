/*
 * Walks the sets of a NetFlow v9 or IPFIX message (RFC 3954 §5, RFC 7011 §3.3).
 *
 *   set  0 id, 2 length with this header, 4 records or templates, then padding
 *
 * Only lengths are trusted, never the record count in the NetFlow v9 header: it counts records (Cisco), sets
 * (FortiGate) or something else (nProbe, pmacctd).
 */
import type { DecodeContext } from '../decodeContext.ts';
import { IPFIX } from '../exporter/protocol.ts';
import { decodeDataSet } from './dataSet.ts';
import { readTemplateSet } from './templateSet.ts';

const SET_HEADER = 4;
/** Ids below are those of template sets, or reserved. */
const LOWEST_DATA_SET_ID = 256;

/** What `decodeSets` returns where the template of a set is not known, and so not how many records the set holds. */
const UNKNOWN_RECORDS = -1;

/** Decodes bytes [offset, end). The number of data records, options records included, or `UNKNOWN_RECORDS`. */
export function decodeSets(context: DecodeContext, offset: number, end: number): number {
  const { view, exporter, domain, now } = context;
  exporter.expireAwaiting(now);
  const templateSetId = domain.protocol === IPFIX ? 2 : 0;
  let records = 0;
  let allKnown = true;
  for (let at = offset; at + SET_HEADER <= end; ) {
    const id = view.getUint16(at);
    const length = view.getUint16(at + 2);
    // Zero bytes after the last set are padding: Palo Alto fills every datagram to full size, ACI to a boundary.
    if (id === 0 && length === 0) break;
    if (length < SET_HEADER) {
      exporter.fail('set_length', at);
      break;
    }
    if (at + length > end) exporter.fail('set_length', at);
    const body = at + SET_HEADER;
    const setEnd = Math.min(at + length, end);
    if (id >= LOWEST_DATA_SET_ID) {
      const template = domain.templates.get(id);
      if (template !== undefined) {
        records += decodeDataSet(context, template, body, setEnd);
      } else {
        allKnown = false;
        if (!exporter.awaiting.keep(domain, id, view, body, setEnd, now)) exporter.drop('awaiting_limit', 1);
      }
    } else if (id === templateSetId) {
      readTemplateSet(context, 'flow', body, setEnd);
    } else if (id === templateSetId + 1) {
      readTemplateSet(context, 'options', body, setEnd);
    } else {
      exporter.fail('set_id_reserved', at);
    }
    at = setEnd;
  }
  return allKnown ? records : UNKNOWN_RECORDS;
}
