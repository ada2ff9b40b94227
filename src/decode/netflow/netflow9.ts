/*
 * NetFlow v9 (RFC 3954): a header, then sets of templates, options templates and data.
 *
 *   header  0 version, 2 count, 4 sysUptime, 8 seconds, 12 datagrams sent before, 16 source id
 */
import type { FlowBatch } from '../../flowBatch.ts';
import type { ExporterState } from '../exporter/exporterState.ts';
import { NETFLOW9 } from '../exporter/protocol.ts';
import { decodeSets } from './setList.ts';

const HEADER = 20;

/** Decodes a NetFlow v9 datagram; its records go behind `batch.end`. */
export function decodeNetflow9(
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
  const domain = exporter.domain(NETFLOW9, view.getUint32(16), now);
  exporter.followSequence(domain, view.getUint32(12), 1);
  decodeSets(exporter, domain, view, HEADER, length, batch, now);
}
