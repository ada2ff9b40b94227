/*
 * The functions of the C library and of libuv that Node.js has no API for, through its experimental module node:ffi. All
 * that Kapkan does with that module is in this file. Linux only, on x64 and arm64, where the structures that these
 * functions take are the same (64 bits, little-endian).
 *
 * Memory rules:
 *   1. All that a function is given a pointer to lies in `memory` of the caller's own Libc. Its ArrayBuffer is never
 *      detached, resized or transferred, and V8 does not move the bytes of an ArrayBuffer, so pointers into it are made
 *      once and stay valid.
 *   2. The kernel reads and writes it only during a call. No call goes on in another thread: it returns before
 *      JavaScript goes on, also where the thread is being terminated.
 *   3. `memory` is reachable during every call: who calls has the Libc in a field, and reads `memory` afterwards. The
 *      library is in a field of the Libc, because the functions must not be collected while they can be called.
 *   4. A descriptor comes from `openSync`, and the socket is moved onto it: Node.js closes those of a thread however the
 *      thread ends.
 */
import { closeSync, openSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';

const EBADF = 9;
const SOCK_DGRAM = 0o2;
const SOCK_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

/** From a C type to the names of node:ffi; `size_t` as a pointer, so that it is a bigint. */
const FUNCTIONS = {
  __errno_location: { return: 'pointer', arguments: [] },
  socket: { return: 'i32', arguments: ['i32', 'i32', 'i32'] },
  setsockopt: { return: 'i32', arguments: ['i32', 'i32', 'i32', 'pointer', 'u32'] },
  getsockopt: { return: 'i32', arguments: ['i32', 'i32', 'i32', 'pointer', 'pointer'] },
  bind: { return: 'i32', arguments: ['i32', 'pointer', 'u32'] },
  dup3: { return: 'i32', arguments: ['i32', 'i32', 'i32'] },
  close: { return: 'i32', arguments: ['i32'] },
  recvmmsg: { return: 'i32', arguments: ['i32', 'pointer', 'u32', 'i32', 'pointer'] },
  poll: { return: 'i32', arguments: ['pointer', 'u64', 'i32'] },
  usleep: { return: 'i32', arguments: ['u32'] },
  uv_backend_fd: { return: 'i32', arguments: ['pointer'] },
} as const;

type Ffi = typeof import('node:ffi');

/** The module, without the warning that it is experimental. Throws where there is none. */
function loadFfi(): Ffi {
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    throw new Error(`it is for Linux on x64 and arm64, and this is ${process.platform} on ${process.arch}`);
  }
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    const ffi = process.getBuiltinModule('node:ffi') as Ffi | undefined;
    if (ffi?.getCurrentEventLoop === undefined) {
      throw new Error(`Node.js ${process.version} has no node:ffi that is recent enough, or was started without it`);
    }
    return ffi;
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** The C library, with the memory for its arguments. All functions belong to the thread that made the object. */
export class Libc {
  /** What the functions read and write. */
  readonly memory: DataView<ArrayBuffer>;
  readonly #ffi: Ffi = loadFfi();
  readonly #library = this.#ffi.dlopen(null, FUNCTIONS);
  readonly #functions = this.#library.functions;
  readonly #errno = this.#functions.__errno_location();
  readonly #base: bigint;

  /** Throws where this process cannot call the functions: the reason, as a clause. */
  constructor(memoryBytes: number) {
    this.memory = new DataView(new ArrayBuffer(memoryBytes));
    this.#base = this.#ffi.getRawPointer(this.memory);
    // A filter of system calls may forbid it, and then the error is not that there is no such socket.
    if (this.recvmmsg(-1, this.#base, 1) !== -1 || this.errno() !== EBADF) throw this.error('recvmmsg');
  }

  /** A pointer to a byte of `memory`. */
  pointer(offset: number): bigint {
    return this.#base + BigInt(offset);
  }

  /** recvmmsg(2) without flags and timeout: the number of messages, or -1. */
  recvmmsg(socket: number, headers: bigint, count: number): number {
    return this.#functions.recvmmsg(socket, headers, count, 0, 0n);
  }

  /** poll(2). */
  poll(pollfds: bigint, count: bigint, milliseconds: number): number {
    return this.#functions.poll(pollfds, count, milliseconds);
  }

  /**
   * A descriptor that poll(2) finds readable when the event loop of this thread has something to do, timers excepted
   * (libuv's `uv_backend_fd`).
   */
  eventLoopDescriptor(): number {
    return this.#functions.uv_backend_fd(this.#ffi.getCurrentEventLoop());
  }

  /** usleep(3); less than a second. */
  usleep(microseconds: number): void {
    this.#functions.usleep(microseconds);
  }

  /** A new UDP socket that does not block, or -1. `closeSync` closes it. */
  udpSocket(family: number): number {
    const { socket, close } = this.#functions;
    const opened = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | O_CLOEXEC, 0);
    if (opened < 0) return -1;
    const duplicate = this.duplicate(opened);
    close(opened);
    return duplicate;
  }

  /** Another descriptor of the same socket, or -1. `closeSync` closes it, and so does the end of the thread. */
  duplicate(socket: number): number {
    const descriptor = openSync('/dev/null', 'r');
    const moved = this.#functions.dup3(socket, descriptor, O_CLOEXEC);
    if (moved < 0) closeSync(descriptor);
    return moved;
  }

  /** setsockopt(2) with a value of 32 bits at this offset of `memory`. Whether it was set. */
  setOption(socket: number, level: number, option: number, value: number, scratch: number): boolean {
    this.memory.setInt32(scratch, value, true);
    return this.setOptionAt(socket, level, option, scratch, 4);
  }

  /** setsockopt(2) with the value of `bytes` at this offset of `memory`. Whether it was set. */
  setOptionAt(socket: number, level: number, option: number, offset: number, bytes: number): boolean {
    return this.#functions.setsockopt(socket, level, option, this.pointer(offset), bytes) === 0;
  }

  /** getsockopt(2); uses 8 bytes at this offset of `memory`. */
  option(socket: number, level: number, option: number, scratch: number): number {
    this.memory.setInt32(scratch + 4, 4, true);
    const read = this.#functions.getsockopt(socket, level, option, this.pointer(scratch), this.pointer(scratch + 4));
    if (read < 0) throw this.error('getsockopt');
    return this.memory.getInt32(scratch, true);
  }

  /** bind(2) to the `sockaddr` at this offset of `memory`. Whether it was bound. */
  bind(socket: number, sockaddr: number, bytes: number): boolean {
    return this.#functions.bind(socket, this.pointer(sockaddr), bytes) === 0;
  }

  /** Of the call before, which must have failed. */
  errno(): number {
    return this.#ffi.getInt32(this.#errno);
  }

  /** The name of `errno`, such as `EADDRINUSE`. */
  errorName(): string {
    return getSystemErrorName(-this.errno());
  }

  error(call: string): Error {
    return new Error(`${call} failed with ${this.errorName()}`);
  }
}
