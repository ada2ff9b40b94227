/*
 * Datagrams through recvmmsg(2): the thread reads its sockets itself, and lets its event loop run in between.
 *
 * After a batch that was not full it naps, whatever arrives. So batches become large under load, and a thread that has
 * less to do is woken less often. While nothing arrives it waits for the next datagram; the wait is short, because
 * the event loop must run to answer the main thread.
 */
import { setImmediate } from 'node:timers';
import type { BatchHandler, DatagramSource } from './datagramSource.ts';
import { BATCH_DATAGRAMS, RecvmmsgSockets } from './recvmmsgSockets.ts';
import type { ListenerAddress, ListenerOptions } from './udpListener.ts';

/** The thread reads this long before its event loop runs. One batch of large datagrams may take some milliseconds more. */
const TURN_MS = 2;

const NAP_MICROSECONDS = 250;

/** A request to an idle thread is answered at most this much later. */
const IDLE_WAIT_MS = 10;

/**
 * Opens the listeners. Throws a BindError where one cannot be bound, and another error where this process cannot call
 * recvmmsg(2); then none stays open.
 */
export function openRecvmmsgSource(
  listeners: readonly ListenerAddress[],
  options: ListenerOptions,
  onBatch: BatchHandler,
): DatagramSource {
  const sockets = new RecvmmsgSockets();
  try {
    const receiveBufferBytes = listeners.map((listener) => sockets.open(listener, options));
    const reader = new SocketReader(sockets, onBatch);
    return { method: 'recvmmsg', receiveBufferBytes, close: () => reader.close() };
  } catch (error) {
    sockets.close();
    throw error;
  }
}

class SocketReader {
  readonly #sockets: RecvmmsgSockets;
  readonly #onBatch: BatchHandler;
  #next: NodeJS.Immediate;

  constructor(sockets: RecvmmsgSockets, onBatch: BatchHandler) {
    this.#sockets = sockets;
    this.#onBatch = onBatch;
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
        this.#sockets.wait(IDLE_WAIT_MS);
        break;
      }
      if (most < BATCH_DATAGRAMS) this.#sockets.nap(NAP_MICROSECONDS);
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
