/*
 * Which way a receiving thread reads its sockets: `ingest.receive`, and what works here.
 */
import { messageOf } from '../errors.ts';
import type { BatchHandler, DatagramSource } from './datagramSource.ts';
import { openDgramSource } from './dgramSource.ts';
import type { WorkerSetup } from './messages.ts';
import { openRecvmmsgSource } from './recvmmsgSource.ts';
import { BindError } from './udpListener.ts';

/**
 * Opens the listeners. Where recvmmsg(2) is wanted and cannot be used, they are read through node:dgram, and
 * `unavailable` says why. `untilTimer` returns the milliseconds until the next timer of the thread is due. Rejects with a BindError where a listener cannot be bound.
 */
export async function openSource(
  setup: WorkerSetup,
  onBatch: BatchHandler,
  untilTimer: () => number,
): Promise<{ readonly source: DatagramSource; readonly unavailable: string | undefined }> {
  let unavailable: string | undefined;
  if (setup.receive !== 'dgram') {
    try {
      return { source: openRecvmmsgSource(setup.listeners, setup, onBatch, untilTimer), unavailable };
    } catch (error) {
      if (error instanceof BindError) throw error;
      unavailable = messageOf(error);
    }
  }
  return { source: await openDgramSource(setup.listeners, setup, onBatch), unavailable };
}
