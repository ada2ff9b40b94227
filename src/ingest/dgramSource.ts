/*
 * Datagrams through node:dgram: works on every platform. It costs a buffer, an address object and a call into JavaScript
 * for each datagram.
 */
import type { Socket } from 'node:dgram';
import { DatagramQueue } from './datagramBatch.ts';
import type { BatchHandler, DatagramSource } from './datagramSource.ts';
import { grantedReceiveBuffer, type ListenerAddress, openListener } from './udpListener.ts';

/** As many datagrams as libuv reads from one socket before it returns to the event loop. */
const QUEUE_DATAGRAMS = 32;

/** Opens the listeners. Rejects with a BindError where one cannot be bound; then none stays open. */
export async function openDgramSource(
  listeners: readonly ListenerAddress[],
  receiveBufferBytes: number,
  onBatch: BatchHandler,
): Promise<DatagramSource> {
  const opened = await Promise.allSettled(listeners.map((listener) => openListener(listener, receiveBufferBytes)));
  const sockets = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const close = (): void => {
    for (const socket of sockets) socket.close();
  };
  const failed = opened.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    close();
    throw failed.reason;
  }
  sockets.forEach((socket, i) => {
    readSocket(socket, new DatagramQueue(listeners[i].kind, QUEUE_DATAGRAMS), onBatch);
  });
  return { method: 'dgram', receiveBufferBytes: sockets.map(grantedReceiveBuffer), close };
}

/**
 * Copies the datagrams into the queue, because Node's buffer of a datagram lives only as long as its event, and hands
 * them over together when the event loop has read all that the socket had.
 */
function readSocket(socket: Socket, queue: DatagramQueue, onBatch: BatchHandler): void {
  const handOver = (): void => {
    if (queue.count > 0) onBatch(queue);
    queue.clear();
  };
  socket.on('message', (payload, from) => {
    if (queue.isFull) handOver();
    // Immediates run after the event loop has read the sockets, and before any timer.
    if (queue.count === 0) setImmediate(handOver);
    queue.put(payload, from.address, from.port);
  });
  socket.on('error', (error) => {
    throw error;
  });
  socket.on('close', () => queue.clear());
}
