/*
 * IPFIX (RFC 7011): a message of a header and sets of templates, options templates and data. Over UDP a datagram is one
 * message, but files of messages sent as they are put several into one, so what follows a message is looked at.
 *
 *   header  0 version, 2 length with this header, 4 export time, 8 data records sent before, 12 observation domain
 */
import type { FlowBatch } from '../../flowBatch.ts';
import type { ExporterState } from '../exporter/exporterState.ts';
import { IPFIX } from '../exporter/protocol.ts';
import { decodeSets } from './setList.ts';

const HEADER = 16;
const VERSION = 10;

/** Decodes a datagram of IPFIX messages; their records go behind `batch.end`. */
export function decodeIpfix(
  view: DataView,
  length: number,
  exporter: ExporterState,
  batch: FlowBatch,
  now: number,
): void {
  if (length < HEADER) {
    exporter.fail('header_truncated', 0);
    return;
  }
  let at = 0;
  do {
    at = decodeMessage(view, at, length, exporter, batch, now);
  } while (at + HEADER <= length && view.getUint16(at) === VERSION);
  if (!isZero(view, at, length)) exporter.fail('trailing_bytes', at);
}

/** Decodes the message at `at`, or what there is of it. Where the next one would begin. */
function decodeMessage(
  view: DataView,
  at: number,
  length: number,
  exporter: ExporterState,
  batch: FlowBatch,
  now: number,
): number {
  let end = at + view.getUint16(at + 2);
  if (end > length || end < at + HEADER) {
    exporter.fail('datagram_truncated', at);
    end = length;
  }
  const domain = exporter.domain(IPFIX, view.getUint32(at + 12), now);
  const sequence = view.getUint32(at + 8);
  const records = decodeSets(exporter, domain, view, at + HEADER, end, batch, now);
  exporter.followSequence(domain, sequence, records);
  return end;
}

function isZero(view: DataView, offset: number, end: number): boolean {
  for (let i = offset; i < end; i++) {
    if (view.getUint8(i) !== 0) return false;
  }
  return true;
}
