/*
 * Datagrams that were received from one listener and are decoded together, as columns: between a datagram source and
 * the Receiver. Receiving evicts the code and tables of decoding and accounting from the processor's caches, so
 * datagrams that are decoded together cost less.
 */
import { type Address, parseAddress } from '../net/address.ts';

/** The datagrams of a listener. NetFlow and IPFIX share a listener: their version field tells which is which. */
export type TelemetryKind = 'netflow' | 'sflow';

/** Larger than any UDP payload, so that no datagram is ever truncated. */
export const DATAGRAM_BYTES = 65_536;

/** Rows [0, count) of the columns hold datagrams. The source that made the batch owns it and uses it again. */
export interface DatagramBatch {
  readonly kind: TelemetryKind;
  readonly count: number;
  /** One view for each row, made once. Bytes after the datagram are left from earlier ones. */
  readonly views: readonly DataView[];
  /** Bytes of each datagram. */
  readonly lengths: Uint32Array;
  /** Four words for each row, the sender's address as in `Address`. */
  readonly sourceWords: Uint32Array;
  readonly sourcePorts: Uint16Array;
}

/** Address texts that are cached. The cache is emptied when it is full, as forged sources can make it. */
const ADDRESS_LIMIT = 8192;

const UNSPECIFIED: Address = { version: 6, word0: 0, word1: 0, word2: 0, word3: 0 };

/**
 * A batch that datagrams are copied into, one by one, with their senders as text. Each row has a buffer that lives as
 * long as the queue, so nothing is allocated for a datagram.
 */
export class DatagramQueue implements DatagramBatch {
  readonly kind: TelemetryKind;
  readonly views: readonly DataView[];
  readonly lengths: Uint32Array;
  readonly sourceWords: Uint32Array;
  readonly sourcePorts: Uint16Array;
  count = 0;
  readonly #bytes: readonly Uint8Array[];
  readonly #addresses = new Map<string, Address>();

  constructor(kind: TelemetryKind, capacity: number) {
    this.kind = kind;
    this.#bytes = Array.from({ length: capacity }, () => new Uint8Array(DATAGRAM_BYTES));
    this.views = this.#bytes.map(({ buffer }) => new DataView(buffer));
    this.lengths = new Uint32Array(capacity);
    this.sourceWords = new Uint32Array(4 * capacity);
    this.sourcePorts = new Uint16Array(capacity);
  }

  get isFull(): boolean {
    return this.count === this.views.length;
  }

  /**
   * Copies the payload into the queue, which must not be full. `sourceAddress` as node:dgram writes it: IPv4-mapped on
   * a dual-stack socket, with a zone if it is link-local. A text that is no address counts as `::`.
   */
  put(payload: Uint8Array, sourceAddress: string, sourcePort = 0): void {
    const row = this.count++;
    const length = Math.min(payload.length, DATAGRAM_BYTES);
    this.#bytes[row].set(length === payload.length ? payload : payload.subarray(0, DATAGRAM_BYTES));
    this.lengths[row] = length;
    const { word0, word1, word2, word3 } = this.#addresses.get(sourceAddress) ?? this.#addAddress(sourceAddress);
    const { sourceWords } = this;
    sourceWords[4 * row] = word0;
    sourceWords[4 * row + 1] = word1;
    sourceWords[4 * row + 2] = word2;
    sourceWords[4 * row + 3] = word3;
    this.sourcePorts[row] = sourcePort;
  }

  clear(): void {
    this.count = 0;
  }

  #addAddress(text: string): Address {
    const zone = text.indexOf('%');
    const address = parseAddress(zone < 0 ? text : text.slice(0, zone)) ?? UNSPECIFIED;
    if (this.#addresses.size >= ADDRESS_LIMIT) this.#addresses.clear();
    this.#addresses.set(text, address);
    return address;
  }
}
