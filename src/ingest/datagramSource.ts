/*
 * Where a receiving thread gets its datagrams from: the one interface of both ways to read the sockets of the listeners,
 * `recvmmsg` (`recvmmsgSource.ts`) and `dgram` (`dgramSource.ts`).
 */
import type { DatagramBatch } from './datagramBatch.ts';

export type ReceiveMethod = 'recvmmsg' | 'dgram';

/** Open sockets, one for each listener, whose datagrams are handed over as they come. */
export interface DatagramSource {
  readonly method: ReceiveMethod;
  /** What the kernel granted, for each listener in their order. */
  readonly receiveBufferBytes: readonly number[];
  /** Closes the sockets. After it nothing is handed over. */
  close(): void;
}

/** Takes the datagrams of a source. They are valid only during the call. */
export type BatchHandler = (batch: DatagramBatch) => void;
