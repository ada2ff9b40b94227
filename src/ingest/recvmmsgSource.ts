/*
 * Datagrams through recvmmsg(2): the thread reads its sockets itself, and lets its event loop run in between.
 *
 * After a batch that was not full it naps, whatever arrives. So batches become large under load, and a thread that has
 * less to do is woken less often. Where nothing has arrived it waits for a datagram, for something that its event loop
 * has to do, such as a message of the main thread, or for its next timer.
 */
import { setImmediate } from 'node:timers';
import type { BatchHandler, DatagramSource } from './datagramSource.ts';
import { BATCH_DATAGRAMS, RecvmmsgSockets } from './recvmmsgSockets.ts';
import type { ListenerAddress } from './udpListener.ts';

/** The thread reads this long before its event loop runs. One batch of large datagrams may take some milliseconds more. */
const TURN_MS = 2;

/** A longer nap saves little, and delays an answer to the main thread. */
const MAX_NAP_MICROSECONDS = 1000;

/**
 * A nap of a microsecond for so many bytes of receive buffer: at a million datagrams a second, of which each takes 2 KiB
 * of it, a nap fills half of the buffer.
 */
const BUFFER_BYTES_A_MICROSECOND = 4096;

/** The longest wait: also what poll(2) does not see is done by then. */
const MAX_WAIT_MS = 100;

/**
 * Reads the sockets of the listeners, of which the main thread has these descriptors. `untilTimer` returns the milliseconds until the next timer of the thread is due.
 */
export function openRecvmmsgSource(
  listeners: readonly ListenerAddress[],
  descriptors: readonly number[],
  onBatch: BatchHandler,
  untilTimer: () => number,
): DatagramSource {
  const sockets = new RecvmmsgSockets();
  try {
    const receiveBufferBytes = listeners.map(({ kind }, i) => sockets.add(descriptors[i], kind));
    const reader = new SocketReader(sockets, onBatch, untilTimer, napOf(receiveBufferBytes));
    return { method: 'recvmmsg', receiveBufferBytes, close: () => reader.close() };
  } catch (error) {
    sockets.close();
    throw error;
  }
}

function napOf(receiveBufferBytes: readonly number[]): number {
  return Math.min(MAX_NAP_MICROSECONDS, Math.floor(Math.min(...receiveBufferBytes) / BUFFER_BYTES_A_MICROSECOND));
}

class SocketReader {
  readonly #sockets: RecvmmsgSockets;
  readonly #onBatch: BatchHandler;
  readonly #untilTimer: () => number;
  readonly #napMicroseconds: number;
  #next: NodeJS.Immediate;

  constructor(sockets: RecvmmsgSockets, onBatch: BatchHandler, untilTimer: () => number, napMicroseconds: number) {
    this.#sockets = sockets;
    this.#onBatch = onBatch;
    this.#untilTimer = untilTimer;
    this.#napMicroseconds = napMicroseconds;
    this.#next = setImmediate(this.#turn);
  }

  close(): void {
    clearImmediate(this.#next);
    this.#sockets.close();
  }

  #turn = (): void => {
    const until = performance.now() + TURN_MS;
    do {
      const most = this.#readAll();
      if (most === 0) {
        this.#sockets.wait(Math.max(0, Math.min(Math.ceil(this.#untilTimer()), MAX_WAIT_MS)));
        break;
      }
      if (most < BATCH_DATAGRAMS) this.#sockets.nap(this.#napMicroseconds);
    } while (performance.now() < until);
    this.#next = setImmediate(this.#turn);
  };

  /** One batch from each socket. Returns the size of the largest. */
  #readAll(): number {
    let most = 0;
    for (let place = 0; place < this.#sockets.size; place++) {
      const count = this.#sockets.receive(place);
      if (count === 0) continue;
      this.#onBatch(this.#sockets);
      most = Math.max(most, count);
    }
    return most;
  }
}
