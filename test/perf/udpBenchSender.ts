/*
 * The sending side of the UDP benchmark, a process of its own: sends the same datagrams round and round, as fast as it
 * can, to the port it was last told (0 = rest). Arguments: protocol and number of flows to prepare.
 */
import dgram from 'node:dgram';
import type { TelemetryProtocol } from '../../src/flowgen/createEncoder.ts';
import { benchDatagrams } from './benchTelemetry.ts';

/** Datagrams handed to the kernel between two looks at the parent's messages. */
const BURST = 256;

const datagrams = benchDatagrams(process.argv[2] as TelemetryProtocol, Number(process.argv[3]), 256);
const socket = dgram.createSocket('udp4');
let port = 0;
let next = 0;
let sending = false;

function burst(): void {
  sending = port !== 0;
  if (!sending) return;
  let unsent = BURST;
  const sent = (): void => {
    if (--unsent === 0) setImmediate(burst);
  };
  for (let i = 0; i < BURST; i++) {
    socket.send(datagrams[next], port, '127.0.0.1', sent);
    next = (next + 1) % datagrams.length;
  }
}

process.on('message', (to: number) => {
  port = to;
  if (!sending) burst();
});
process.on('disconnect', () => process.exit());
socket.bind(0, '127.0.0.1', () => process.send?.('ready'));
