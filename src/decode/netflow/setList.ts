/*
 * Walks the sets of a NetFlow v9 or IPFIX datagram (RFC 3954 §5, RFC 7011 §3.3).
 *
 *   set  0 id, 2 length with this header, 4 records or templates, then padding
 *
 * Only lengths are believed, never the record count in the NetFlow v9 header: it counts records (Cisco), sets
 * (FortiGate) or nothing in particular (nProbe, pmacctd).
 */
import type { FlowBatch } from '../../flowBatch.ts';
import type { ExporterState } from '../exporter/exporterState.ts';
import type { ObservationDomain } from '../exporter/observationDomain.ts';
import { IPFIX } from '../exporter/protocol.ts';
import { decodeDataSet } from './dataSet.ts';
import { readTemplateSet } from './templateSet.ts';

const SET_HEADER = 4;
/** Ids below this are not those of data. */
const LOWEST_DATA_SET_ID = 256;

/** What `decodeSets` answers where a set's template is not known, and so not how many records it holds. */
export const UNKNOWN_RECORDS = -1;

/** Decodes bytes [offset, end). The number of data records, options records among them, or `UNKNOWN_RECORDS`. */
export function decodeSets(
  exporter: ExporterState,
  domain: ObservationDomain,
  view: DataView,
  offset: number,
  end: number,
  batch: FlowBatch,
  now: number,
): number {
  exporter.expireAwaiting(now);
  const templateSetId = domain.protocol === IPFIX ? 2 : 0;
  let records = 0;
  let allKnown = true;
  for (let at = offset; at + SET_HEADER <= end; ) {
    const id = view.getUint16(at);
    const length = view.getUint16(at + 2);
    // Zero bytes behind the last set are padding: Palo Alto fills up to full size, ACI to some boundary.
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
      if (template !== undefined) records += decodeDataSet(exporter, domain, template, view, body, setEnd, batch);
      else {
        allKnown = false;
        keepForTemplate(exporter, domain, id, view, body, setEnd, now);
      }
    } else if (id === templateSetId) {
      readTemplateSet(exporter, domain, 'flow', view, body, setEnd, batch, now);
    } else if (id === templateSetId + 1) {
      readTemplateSet(exporter, domain, 'options', view, body, setEnd, batch, now);
    } else {
      exporter.fail('set_id_reserved', at);
    }
    at = setEnd;
  }
  return allKnown ? records : UNKNOWN_RECORDS;
}

function keepForTemplate(
  exporter: ExporterState,
  domain: ObservationDomain,
  templateId: number,
  view: DataView,
  offset: number,
  end: number,
  now: number,
): void {
  if (!exporter.awaiting.keep(domain, templateId, view, offset, end, now)) exporter.drop('awaiting_limit', 1);
}
