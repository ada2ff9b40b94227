/*
 * Which way the sockets are read: `ingest.receive`, and what works here. The main thread chooses, once, for all threads.
 */
import type { IngestConfig } from '../config/sections/ingest.ts';
import { messageOf } from '../errors.ts';
import type { BatchHandler, DatagramSource } from './datagramSource.ts';
import { openDgramSource } from './dgramSource.ts';
import { type ListenerSocketOptions, ListenerSockets } from './listenerSockets.ts';
import { openRecvmmsgSource } from './recvmmsgSource.ts';
import { BindError, type ListenerAddress } from './udpListener.ts';

/** In the main thread: the sockets for recvmmsg(2), or why there are none: undefined where they are not wanted. */
export interface ChosenSockets {
  readonly sockets: ListenerSockets | undefined;
  readonly unavailable: string | undefined;
}

/** Opens the sockets where recvmmsg(2) is wanted and can be used. Throws a BindError where one cannot be bound. */
export function chooseSockets(
  receive: IngestConfig['receive'],
  listeners: readonly ListenerAddress[],
  options: ListenerSocketOptions,
): ChosenSockets {
  if (receive === 'dgram') return { sockets: undefined, unavailable: undefined };
  try {
    return { sockets: new ListenerSockets(listeners, options), unavailable: undefined };
  } catch (error) {
    if (error instanceof BindError) throw error;
    return { sockets: undefined, unavailable: messageOf(error) };
  }
}

export interface SourceSetup {
  readonly listeners: readonly ListenerAddress[];
  readonly receiveBufferBytes: number;
  /** This thread's sockets for recvmmsg(2), in the order of the listeners. Without them node:dgram is used. */
  readonly descriptors: readonly number[] | undefined;
}

/**
 * Opens the source of a receiving thread. `untilTimer` returns the milliseconds until the next timer of the thread is
 * due. Rejects with a BindError where node:dgram cannot bind a listener.
 */
export async function openSource(
  { listeners, receiveBufferBytes, descriptors }: SourceSetup,
  onBatch: BatchHandler,
  untilTimer: () => number,
): Promise<DatagramSource> {
  if (descriptors !== undefined) return openRecvmmsgSource(listeners, descriptors, onBatch, untilTimer);
  return openDgramSource(listeners, receiveBufferBytes, onBatch);
}
