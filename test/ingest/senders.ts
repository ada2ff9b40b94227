/*
 * What unusual exporters send, and ports to send it to.
 */
import dgram from 'node:dgram';
import { once } from 'node:events';

/** NetFlow v5 with sampling field 0, as an exporter that does not sample sends it. */
export function withoutSampling(datagram: Uint8Array): Uint8Array {
  const copy = datagram.slice();
  copy[22] = 0;
  copy[23] = 0;
  return copy;
}

/** Bytes that begin like telemetry: every version, right or wrong lengths, then random bytes. */
export function hostileDatagram(seed: number): Uint8Array {
  const bytes = new Uint8Array(4 + ((seed * 37) % 1400));
  let noise = seed + 1;
  for (let i = 0; i < bytes.length; i++) {
    noise = (Math.imul(noise, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = noise >>> 16;
  }
  const view = new DataView(bytes.buffer);
  view.setUint16(0, [1, 5, 7, 9, 10, 0][seed % 6]);
  if (seed % 2 === 0) view.setUint16(2, seed % 4 === 0 ? bytes.length : 5);
  return bytes;
}

/** Ports that are free now on every address. */
export async function freePorts(count: number): Promise<number[]> {
  const sockets = Array.from({ length: count }, () => dgram.createSocket('udp6'));
  for (const socket of sockets) {
    socket.bind(0, '::');
    await once(socket, 'listening');
  }
  const ports = sockets.map((socket) => socket.address().port);
  for (const socket of sockets) {
    socket.close();
    await once(socket, 'close');
  }
  return ports;
}
