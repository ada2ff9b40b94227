/*
 * Entry point for datagrams of the NetFlow port: the version in the first two bytes selects the decoder.
 */
import type { DecodeContext } from '../decodeContext.ts';
import { IPFIX, NETFLOW5, NETFLOW9, netflowProtocol } from '../exporter/protocol.ts';
import { clearImplausible } from '../flowRows.ts';
import { decodeIpfix } from './ipfix.ts';
import { decodeNetflow5 } from './netflow5.ts';
import { decodeNetflow9 } from './netflow9.ts';

/**
 * Decodes the context's datagram, NetFlow v5, v9 or IPFIX, into rows from `batch.end` on, and counts on the exporter
 * what happened. True where the datagram had no error; what was decoded before an error is kept. Rows whose sampling
 * rate the exporter does not state have rate 0 until `resolveSampling`.
 */
export function decodeNetflow(context: DecodeContext): boolean {
  const { view, length, exporter, batch } = context;
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
      decodeNetflow5(context);
      break;
    case NETFLOW9:
      decodeNetflow9(context);
      break;
    case IPFIX:
      decodeIpfix(context);
      break;
  }
  if (protocol !== NETFLOW5 && clearImplausible(batch, firstRow) > 0) exporter.fail('counter_implausible', 0);
  exporter.flows[protocol] += batch.end - firstRow;
  return exporter.endDatagram();
}
