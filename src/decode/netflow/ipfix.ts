/*
 * IPFIX (RFC 7011): a message of a header and sets of templates, options templates and data. Over UDP a datagram is one
 * message, but a file of messages that is sent as it is has several in one datagram, so the bytes after a message are
 * read too.
 *
 *   header  0 version, 2 length with this header, 4 export time, 8 data records sent before, 12 observation domain
 */
import type { DecodeContext } from '../decodeContext.ts';
import { IPFIX } from '../exporter/protocol.ts';
import { decodeSets } from './setList.ts';

const HEADER = 16;
const VERSION = 10;

/** Decodes a datagram of IPFIX messages. */
export function decodeIpfix(context: DecodeContext): void {
  const { view, length, exporter } = context;
  if (length < HEADER) {
    exporter.fail('header_truncated', 0);
    return;
  }
  let at = 0;
  do {
    at = decodeMessage(context, at);
  } while (at + HEADER <= length && view.getUint16(at) === VERSION);
  if (!isZero(view, at, length)) exporter.fail('trailing_bytes', at);
}

/** Decodes the message at `at`, as far as the datagram holds it. Returns where the next one would begin. */
function decodeMessage(context: DecodeContext, at: number): number {
  const { view, length, exporter } = context;
  let end = at + view.getUint16(at + 2);
  if (end > length || end < at + HEADER) {
    exporter.fail('datagram_truncated', at);
    end = length;
  }
  const domain = exporter.domain(IPFIX, view.getUint32(at + 12), context.now);
  const sequence = view.getUint32(at + 8);
  context.domain = domain;
  const records = decodeSets(context, at + HEADER, end);
  exporter.followSequence(domain, sequence, records);
  return end;
}

function isZero(view: DataView, offset: number, end: number): boolean {
  for (let i = offset; i < end; i++) {
    if (view.getUint8(i) !== 0) return false;
  }
  return true;
}
