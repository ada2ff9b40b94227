/*
 * NetFlow v9 (RFC 3954): a header, then sets of templates, options templates and data.
 *
 *   header  0 version, 2 count, 4 sysUptime, 8 seconds, 12 datagrams sent before, 16 source id
 */
import type { DecodeContext } from '../decodeContext.ts';
import { NETFLOW9 } from '../exporter/protocol.ts';
import { decodeSets } from './setList.ts';

const HEADER = 20;

/** Decodes a NetFlow v9 datagram. */
export function decodeNetflow9(context: DecodeContext): void {
  const { view, length, exporter } = context;
  if (length < HEADER) {
    exporter.fail('header_truncated', 0);
    return;
  }
  context.domain = exporter.domain(NETFLOW9, view.getUint32(16), context.now);
  exporter.followSequence(context.domain, view.getUint32(12), 1);
  decodeSets(context, HEADER, length);
}
