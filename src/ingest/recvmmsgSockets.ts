/*
 * UDP sockets that are read with recvmmsg(2): one system call takes many datagrams, straight into the buffers from which
 * they are decoded. The structures of Linux on 64-bit little-endian machines, in bytes:
 *
 *   mmsghdr, 64       0 sockaddr*   8 its length, 32 bits   16 iovec*   24 number of iovecs   32 control*   40 its length
 *                     48 flags, 32 bits   56 length of the datagram, 32 bits
 *   iovec, 16         0 buffer*   8 length
 *   sockaddr_in, 16   0 family, 16 bits   2 port   4 address
 *   sockaddr_in6, 28  0 family, 16 bits   2 port   4 flow label   8 address   24 scope
 *   pollfd, 8         0 descriptor, 32 bits   4 events, 16 bits   6 returned events, 16 bits
 *
 * Ports and addresses are big-endian. The rules for this memory are in `libc.ts`.
 */
import { closeSync } from 'node:fs';
import { IPV4_MAPPED_WORD } from '../net/address.ts';
import { DATAGRAM_BYTES, type DatagramBatch, type TelemetryKind } from './datagramBatch.ts';
import { Libc } from './libc.ts';

/** Datagrams that one call takes at most. */
export const BATCH_DATAGRAMS = 64;

const MAX_SOCKETS = 1024;
const HEADER_BYTES = 64;
const HEADER_WORDS = HEADER_BYTES / 4;
const IOVEC_BYTES = 16;
/** Room for a sockaddr. */
const SENDER_BYTES = 32;
const POLLFD_BYTES = 8;

/** Not a power of two, so that the beginnings of the buffers do not compete for the same lines of the cache. */
const BUFFER_STRIDE = DATAGRAM_BYTES + 1536;

const IOVECS_AT = BATCH_DATAGRAMS * HEADER_BYTES;
const SENDERS_AT = IOVECS_AT + BATCH_DATAGRAMS * IOVEC_BYTES;
const POLLFDS_AT = SENDERS_AT + BATCH_DATAGRAMS * SENDER_BYTES;
/** The value of an option. */
const OPTION_AT = POLLFDS_AT + (1 + MAX_SOCKETS) * POLLFD_BYTES;
const BUFFERS_AT = OPTION_AT + 32;
const MEMORY_BYTES = BUFFERS_AT + BATCH_DATAGRAMS * BUFFER_STRIDE;

const AF_INET = 2;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const POLLIN = 1;

/** EINTR, EAGAIN, ENOMEM, ENOBUFS and ECONNREFUSED: nothing was received now, but the socket is not broken. */
const PASSING_ERRORS = [4, 11, 12, 105, 111];

/** The sockets of all listeners, and the one batch that they are read into. */
export class RecvmmsgSockets implements DatagramBatch {
  kind: TelemetryKind = 'netflow';
  count = 0;
  readonly views: readonly DataView[];
  readonly lengths = new Uint32Array(BATCH_DATAGRAMS);
  readonly sourceWords = new Uint32Array(4 * BATCH_DATAGRAMS);
  readonly sourcePorts = new Uint16Array(BATCH_DATAGRAMS);
  readonly #libc = new Libc(MEMORY_BYTES);
  readonly #memory = this.#libc.memory;
  readonly #headers = new Uint32Array(this.#memory.buffer, 0, BATCH_DATAGRAMS * HEADER_WORDS);
  readonly #headersPointer = this.#libc.pointer(0);
  readonly #pollfdsPointer = this.#libc.pointer(POLLFDS_AT);
  readonly #sockets: { readonly descriptor: number; readonly kind: TelemetryKind }[] = [];
  /** The event loop and the sockets, as poll(2) takes their number. */
  #pollfdCount = 1n;

  /** Throws where this process cannot call recvmmsg(2). */
  constructor() {
    const memory = this.#memory;
    for (let row = 0; row < BATCH_DATAGRAMS; row++) {
      const header = row * HEADER_BYTES;
      const iovec = IOVECS_AT + row * IOVEC_BYTES;
      memory.setBigUint64(header, this.#libc.pointer(SENDERS_AT + row * SENDER_BYTES), true);
      memory.setUint32(header + 8, SENDER_BYTES, true);
      memory.setBigUint64(header + 16, this.#libc.pointer(iovec), true);
      memory.setBigUint64(header + 24, 1n, true);
      memory.setBigUint64(iovec, this.#libc.pointer(BUFFERS_AT + row * BUFFER_STRIDE), true);
      memory.setBigUint64(iovec + 8, BigInt(DATAGRAM_BYTES), true);
    }
    this.#addPollfd(0, this.#libc.eventLoopDescriptor());
    this.views = Array.from(this.lengths, (_, row) => {
      return new DataView(memory.buffer, BUFFERS_AT + row * BUFFER_STRIDE, DATAGRAM_BYTES);
    });
  }

  get size(): number {
    return this.#sockets.length;
  }

  /**
   * Adds a bound socket and returns the bytes of receive buffer that the kernel granted. It is read through a duplicate
   * of the descriptor, which must be open during the call.
   */
  add(descriptor: number, kind: TelemetryKind): number {
    const libc = this.#libc;
    const duplicate = this.size < MAX_SOCKETS ? libc.duplicate(descriptor) : -1;
    if (duplicate < 0) throw libc.error('adding a socket');
    this.#sockets.push({ descriptor: duplicate, kind });
    this.#addPollfd(this.size, duplicate);
    this.#pollfdCount = BigInt(this.size + 1);
    return libc.option(duplicate, SOL_SOCKET, SO_RCVBUF, OPTION_AT) / 2;
  }

  /**
   * Reads the datagrams that wait at a socket, given by its place, into the batch. Returns their number. Throws where
   * the socket is broken.
   */
  receive(place: number): number {
    const { descriptor, kind } = this.#sockets[place];
    const count = this.#libc.recvmmsg(descriptor, this.#headersPointer, BATCH_DATAGRAMS);
    if (count < 0 && !PASSING_ERRORS.includes(this.#libc.errno())) throw this.#libc.error('recvmmsg');
    this.kind = kind;
    this.count = Math.max(0, count);
    const headers = this.#headers;
    for (let row = 0; row < count; row++) {
      this.lengths[row] = headers[row * HEADER_WORDS + 14];
      // The kernel wrote the length of the sender's address here.
      headers[row * HEADER_WORDS + 2] = SENDER_BYTES;
      this.#readSender(row);
    }
    return this.count;
  }

  /** Blocks the thread until a datagram waits, or the event loop has something to do, or the time is over. */
  wait(milliseconds: number): void {
    this.#libc.poll(this.#pollfdsPointer, this.#pollfdCount, milliseconds);
  }

  /** Blocks the thread, whatever arrives; less than a second. */
  nap(microseconds: number): void {
    this.#libc.usleep(microseconds);
  }

  close(): void {
    for (const { descriptor } of this.#sockets) closeSync(descriptor);
    this.#sockets.length = 0;
  }

  #addPollfd(place: number, descriptor: number): void {
    const pollfd = POLLFDS_AT + POLLFD_BYTES * place;
    this.#memory.setInt32(pollfd, descriptor, true);
    this.#memory.setUint16(pollfd + 4, POLLIN, true);
  }

  #readSender(row: number): void {
    const { sourceWords } = this;
    const memory = this.#memory;
    const sender = SENDERS_AT + row * SENDER_BYTES;
    const isIpv4 = memory.getUint16(sender, true) === AF_INET;
    this.sourcePorts[row] = memory.getUint16(sender + 2);
    sourceWords[4 * row] = isIpv4 ? 0 : memory.getUint32(sender + 8);
    sourceWords[4 * row + 1] = isIpv4 ? 0 : memory.getUint32(sender + 12);
    sourceWords[4 * row + 2] = isIpv4 ? IPV4_MAPPED_WORD : memory.getUint32(sender + 16);
    sourceWords[4 * row + 3] = memory.getUint32(isIpv4 ? sender + 4 : sender + 20);
  }
}
