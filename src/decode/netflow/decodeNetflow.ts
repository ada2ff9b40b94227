/*
 * The door for datagrams of the NetFlow port: the version in the first two bytes picks the decoder.
 */
import type { FlowBatch } from '../../flowBatch.ts';
import type { ExporterState } from '../exporter/exporterState.ts';
import { IPFIX, NETFLOW5, NETFLOW9, netflowProtocol } from '../exporter/protocol.ts';
import { clearImplausible } from '../implausibleCounters.ts';
import { decodeIpfix } from './ipfix.ts';
import { decodeNetflow5 } from './netflow5.ts';
import { decodeNetflow9 } from './netflow9.ts';

/**
 * Decodes the first `length` bytes of the view, a datagram of NetFlow v5, v9 or IPFIX, into rows behind `batch.end`,
 * and counts what happened on the exporter. `now` is the time of receipt in milliseconds. Whether the datagram was free
 * of faults; what came before a fault is kept. Rows whose sampling rate the exporter does not state have rate 0 until
 * `resolveSampling`.
 */
export function decodeNetflow(
  view: DataView,
  length: number,
  exporter: ExporterState,
  batch: FlowBatch,
  now: number,
): boolean {
  if (length < 2) {
    exporter.fail('header_truncated', 0);
    return exporter.endDatagram();
  }
  const firstRow = batch.end;
  const protocol = netflowProtocol(view.getUint16(0));
  if (protocol === undefined) {
    exporter.fail('unsupported_version', 0);
    return exporter.endDatagram();
  }
  exporter.beginDatagram(protocol);
  switch (protocol) {
    case NETFLOW5:
      decodeNetflow5(view, length, exporter, batch, now);
      break;
    case NETFLOW9:
      decodeNetflow9(view, length, exporter, batch, now);
      break;
    case IPFIX:
      decodeIpfix(view, length, exporter, batch, now);
      break;
  }
  if (protocol !== NETFLOW5 && clearImplausible(batch, firstRow) > 0) exporter.fail('counter_implausible', 0);
  exporter.flows[protocol] += batch.end - firstRow;
  return exporter.endDatagram();
}
