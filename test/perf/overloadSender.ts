/*
 * The sender of the overload benchmark, a process of its own with one thread: the same datagrams round and round through
 * sendmmsg(2), which sends more than node:dgram does and more than a receiving thread takes. In an attack every tenth
 * datagram is about the one attacked host. The structures are those of `recvmmsgSockets.ts`.
 *
 * Arguments: protocol, hosts, flows to prepare. Every order of the parent is answered with the datagrams sent so far.
 */
import { dlopen, getRawPointer } from 'node:ffi';
import type { TelemetryProtocol } from '../../src/flowgen/createEncoder.ts';
import { benchDatagrams } from './benchTelemetry.ts';

export interface SenderOrder {
  /** 0 = rest. */
  readonly port: number;
  readonly attack: boolean;
}

const FLOWS_OF_ATTACK = 3000;
const ATTACK_EVERY = 10;

const BATCH = 64;
/** Calls between two looks at the parent's messages. */
const CALLS = 16;

const HEADER_BYTES = 64;
const IOVEC_BYTES = 16;
const AF_INET = 2;
const SOCK_DGRAM = 2;

const { functions } = dlopen(null, {
  socket: { return: 'i32', arguments: ['i32', 'i32', 'i32'] },
  connect: { return: 'i32', arguments: ['i32', 'pointer', 'u32'] },
  sendmmsg: { return: 'i32', arguments: ['i32', 'pointer', 'u32', 'i32'] },
});

/** Datagrams laid out for sendmmsg(2). What pointers lead to is held by the object. */
class DatagramRing {
  readonly batches: number;
  readonly #headers: DataView;
  readonly #iovecs: DataView;
  readonly #datagrams: readonly Uint8Array[];

  constructor(datagrams: readonly Uint8Array[]) {
    this.batches = Math.floor(datagrams.length / BATCH);
    this.#datagrams = datagrams;
    this.#headers = new DataView(new ArrayBuffer(datagrams.length * HEADER_BYTES));
    this.#iovecs = new DataView(new ArrayBuffer(datagrams.length * IOVEC_BYTES));
    const iovecs = getRawPointer(this.#iovecs);
    this.#datagrams.forEach((datagram, i) => {
      this.#iovecs.setBigUint64(i * IOVEC_BYTES, getRawPointer(datagram), true);
      this.#iovecs.setBigUint64(i * IOVEC_BYTES + 8, BigInt(datagram.length), true);
      this.#headers.setBigUint64(i * HEADER_BYTES + 16, iovecs + BigInt(i * IOVEC_BYTES), true);
      this.#headers.setBigUint64(i * HEADER_BYTES + 24, 1n, true);
    });
  }

  /** Sends a batch, given by its number. Returns how many datagrams were sent. */
  send(socket: number, batch: number): number {
    const first = getRawPointer(this.#headers) + BigInt(batch * BATCH * HEADER_BYTES);
    return Math.max(0, functions.sendmmsg(socket, first, BATCH, 0));
  }
}

const [protocol, hosts, flows] = process.argv.slice(2);
const background = benchDatagrams(protocol as TelemetryProtocol, Number(flows), Number(hosts));
const flood = benchDatagrams(protocol as TelemetryProtocol, FLOWS_OF_ATTACK, 1);
const quiet = new DatagramRing(background);
const attacked = new DatagramRing(
  background.map((datagram, i) => (i % ATTACK_EVERY === 0 ? flood[(i / ATTACK_EVERY) % flood.length] : datagram)),
);
const socket = functions.socket(AF_INET, SOCK_DGRAM, 0);
let ring = quiet;
let port = 0;
let batch = 0;
let sent = 0;

function connect(to: number): void {
  const sockaddr = new DataView(new ArrayBuffer(16));
  sockaddr.setUint16(0, AF_INET, true);
  sockaddr.setUint16(2, to);
  sockaddr.setUint32(4, 0x7f000001);
  if (functions.connect(socket, getRawPointer(sockaddr), 16) !== 0) throw new Error(`cannot connect to port ${to}`);
}

function burst(): void {
  if (port === 0) return;
  for (let call = 0; call < CALLS; call++) {
    sent += ring.send(socket, batch);
    batch = (batch + 1) % ring.batches;
  }
  setImmediate(burst);
}

process.on('message', (order: SenderOrder) => {
  const rested = port === 0;
  port = order.port;
  ring = order.attack ? attacked : quiet;
  if (rested && port !== 0) {
    connect(port);
    burst();
  }
  process.send?.(sent);
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
