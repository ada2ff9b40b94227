/*
 * The sockets that the receiving threads read with recvmmsg(2), opened and owned by the main thread. Each thread reads
 * its own socket of every listener through a duplicate of the descriptor, so a socket outlives its thread: what arrives
 * until the thread is replaced waits in the receive buffer, and the kernel goes on counting what it drops.
 *
 * All sockets of a listener are bound to the same address (SO_REUSEPORT). By itself the kernel would choose by source
 * address and port, and an exporter that sends templates from one port and data from another would be read by two
 * threads. So the sockets have a filter (classic BPF, SO_ATTACH_REUSEPORT_CBPF in socket(7)) that chooses by the source
 * address alone. Sockets are opened thread by thread, so an exporter has the same thread at every listener.
 */
import { closeSync } from 'node:fs';
import { parseAddress } from '../net/address.ts';
import { Libc } from './libc.ts';
import { BindError, type ListenerAddress } from './udpListener.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_REUSEPORT = 15;
const SO_RCVBUFFORCE = 33;
const SO_ATTACH_REUSEPORT_CBPF = 51;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

/** A `sockaddr`, the value of an option, and a `sock_fprog`: its length, 16 bits, and a pointer at 8 to the filter. */
const ADDRESS_AT = 0;
const OPTION_AT = 32;
const PROGRAM_AT = 64;
const PROGRAM_BYTES = 16;
const FILTER_AT = PROGRAM_AT + PROGRAM_BYTES;
const INSTRUCTION_BYTES = 8;
const MEMORY_BYTES = 512;

/** Offsets from here are those in the IP header, whose first four bits are its version. */
const IP_HEADER = 0xfff00000;
const IPV4_SOURCE = IP_HEADER + 12;
const IPV6_SOURCE = IP_HEADER + 8;

/** Instructions, by what they do; A and X are the two registers. */
const LOAD_BYTE = 0x30;
const LOAD_WORD = 0x20;
const AND = 0x54;
const XOR_X = 0xac;
const MULTIPLY = 0x24;
const SHIFT_RIGHT = 0x74;
const MODULO = 0x94;
const A_TO_X = 0x07;
const JUMP = 0x05;
const JUMP_IF_EQUAL = 0x15;
const RETURN_A = 0x16;

/** An odd number near 2³² divided by the golden ratio: addresses that follow one another are spread evenly. */
const SPREAD = 0x9e3779b1;

type Instruction = readonly [code: number, k?: number, skippedIfFalse?: number];

/** Computes the number of the socket from the words of the source address. */
function filterFor(sockets: number): readonly Instruction[] {
  const ipv6: Instruction[] = [[LOAD_WORD, IPV6_SOURCE]];
  for (let word = 1; word < 4; word++) ipv6.push([A_TO_X], [LOAD_WORD, IPV6_SOURCE + 4 * word], [XOR_X]);
  ipv6.push([JUMP, 1]);
  return [
    [LOAD_BYTE, IP_HEADER],
    [AND, 0xf0],
    [JUMP_IF_EQUAL, 0x60, ipv6.length],
    ...ipv6,
    [LOAD_WORD, IPV4_SOURCE],
    [MULTIPLY, SPREAD],
    [SHIFT_RIGHT, 16],
    [MODULO, sockets],
    [RETURN_A],
  ];
}

export interface ListenerSocketOptions {
  readonly receiveBufferBytes: number;
  readonly threads: number;
}

export class ListenerSockets {
  readonly #libc: Libc;
  readonly #options: ListenerSocketOptions;
  /** For each thread the descriptors of its sockets, in the order of the listeners. */
  readonly descriptors: readonly (readonly number[])[];

  /**
   * Opens a socket of every listener for every thread. Throws a BindError where one cannot be bound, and another error
   * where this process cannot call recvmmsg(2) or cannot attach the filter; then none stays open.
   */
  constructor(listeners: readonly ListenerAddress[], options: ListenerSocketOptions) {
    this.#libc = new Libc(MEMORY_BYTES);
    this.#options = options;
    const descriptors = Array.from({ length: options.threads }, (): number[] => []);
    this.descriptors = descriptors;
    try {
      for (const opened of descriptors) for (const listener of listeners) this.#open(listener, opened);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** The threads' duplicates must be closed too before the addresses are free. */
  close(): void {
    for (const descriptor of this.descriptors.flat()) closeSync(descriptor);
  }

  #open(listener: ListenerAddress, opened: number[]): void {
    const address = parseAddress(listener.host);
    if (address === undefined) throw new Error(`no socket for "${listener.host}"`);
    const libc = this.#libc;
    const { receiveBufferBytes, threads } = this.#options;
    const isIpv4 = address.version === 4;
    const descriptor = libc.udpSocket(isIpv4 ? AF_INET : AF_INET6);
    if (descriptor < 0) throw this.#bindError(listener);
    opened.push(descriptor);

    if (!isIpv4) libc.setOption(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, listener.ipv6Only ? 1 : 0, OPTION_AT);
    if (threads > 1 && !libc.setOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1, OPTION_AT)) {
      throw this.#bindError(listener);
    }
    // Beyond the system's maximum where the process may, else up to it.
    if (!libc.setOption(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, receiveBufferBytes, OPTION_AT)) {
      libc.setOption(descriptor, SOL_SOCKET, SO_RCVBUF, receiveBufferBytes, OPTION_AT);
    }
    const memory = libc.memory;
    memory.setUint16(ADDRESS_AT, isIpv4 ? AF_INET : AF_INET6, true);
    memory.setUint16(ADDRESS_AT + 2, listener.port);
    const { word0, word1, word2, word3 } = address;
    (isIpv4 ? [word3] : [0, word0, word1, word2, word3, 0]).forEach((word, i) => {
      memory.setUint32(ADDRESS_AT + 4 + 4 * i, word);
    });
    if (!libc.bind(descriptor, ADDRESS_AT, isIpv4 ? 16 : 28)) throw this.#bindError(listener);
    if (threads > 1) this.#steer(descriptor, threads);
  }

  /** The filter holds for all sockets of the listener, also for those that are bound later. */
  #steer(descriptor: number, threads: number): void {
    const libc = this.#libc;
    const memory = libc.memory;
    const filter = filterFor(threads);
    filter.forEach(([code, k = 0, skippedIfFalse = 0], i) => {
      const at = FILTER_AT + INSTRUCTION_BYTES * i;
      memory.setUint16(at, code, true);
      memory.setUint8(at + 2, 0);
      memory.setUint8(at + 3, skippedIfFalse);
      memory.setUint32(at + 4, k, true);
    });
    memory.setUint16(PROGRAM_AT, filter.length, true);
    memory.setBigUint64(PROGRAM_AT + 8, libc.pointer(FILTER_AT), true);
    if (!libc.setOptionAt(descriptor, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, PROGRAM_AT, PROGRAM_BYTES)) {
      throw libc.error('SO_ATTACH_REUSEPORT_CBPF');
    }
  }

  #bindError({ host, port }: ListenerAddress): BindError {
    return new BindError(host, port, this.#libc.errorName());
  }
}
