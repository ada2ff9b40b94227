/*
 * Makes the sample of an attack from flows that the receiving threads copied from their rings. Counters are estimates
 * of real traffic. Several threads give the same sample as one thread that received all datagrams.
 */
import { type Address, type AddressKey, addressKey, addressKeyText, formatAddress } from '../net/address.ts';
import type { AttackSample, SampledFlow, TopEntry } from './attack.ts';
import type { FlowSlice } from './flowSlice.ts';

/** Entries of each list. */
const TOP_ENTRIES = 20;

/** No interface has this ifIndex (RFC 2863). */
const UNKNOWN_INTERFACE = 0;

/** A sample for each target of the slices, in the order of the targets. */
export function samplesOf(
  slices: readonly FlowSlice[],
  targets: readonly Address[],
  flowsPerAttack: number,
): AttackSample[] {
  const sums = targets.map(() => new SampleSum(flowsPerAttack));
  for (const slice of slices) {
    for (let row = 0; row < slice.count; row++) sums[slice.target[row]].add(slice, row);
  }
  return sums.map((sum, i) => sum.sample(targets[i]));
}

interface Counter {
  packets: number;
  bytes: number;
}

interface Place {
  readonly slice: FlowSlice;
  readonly row: number;
}

class SampleSum {
  /** The newest flows of each slice, as many as are shown. */
  readonly #places: Place[] = [];
  readonly #sources = new Map<AddressKey, Counter>();
  readonly #srcPorts = new Map<number, Counter>();
  readonly #dstPorts = new Map<number, Counter>();
  readonly #protocols = new Map<number, Counter>();
  /** For each slice, by exporter and by input interface. */
  readonly #exporters = new Map<Address, Map<number, Counter>>();
  readonly #flowsShown: number;
  #newestSlice: FlowSlice | undefined;
  #rowsOfSlice = 0;
  #packets = 0;
  #bytes = 0;

  constructor(flowsShown: number) {
    this.#flowsShown = flowsShown;
  }

  /** The rows of a slice must come newest first, and one slice after the other. */
  add(slice: FlowSlice, row: number): void {
    const packets = slice.packets[row];
    const bytes = slice.bytes[row];
    this.#keepIfNew(slice, row);
    this.#packets += packets;
    this.#bytes += bytes;
    count(this.#sources, sourceKey(slice, row), packets, bytes);
    count(this.#protocols, slice.ipProtocol[row], packets, bytes);
    count(this.#interfacesOf(slice.exporters[slice.exporter[row]]), slice.inInterface[row], packets, bytes);
    // Only the first fragment of a packet has ports, so the ports of a fragment are not used.
    if (slice.fragment[row] === 1) return;
    count(this.#srcPorts, slice.srcPort[row], packets, bytes);
    count(this.#dstPorts, slice.dstPort[row], packets, bytes);
  }

  sample(target: Address): AttackSample {
    const dst = formatAddress(target);
    const { exporters, interfaces } = this.#exporterSums();
    this.#places.sort((a, b) => b.slice.receivedAtMs[b.row] - a.slice.receivedAtMs[a.row]);
    return {
      flows: this.#places.slice(0, this.#flowsShown).map((place) => flowAt(place, dst)),
      topSources: largest(this.#sources, addressKeyText),
      topSrcPorts: largest(this.#srcPorts, String),
      topDstPorts: largest(this.#dstPorts, String),
      protocols: largest(this.#protocols, String),
      topExporters: largest(exporters, String),
      topInterfaces: largest(interfaces, String),
      totalPackets: this.#packets,
      totalBytes: this.#bytes,
    };
  }

  #interfacesOf(exporter: Address): Map<number, Counter> {
    let interfaces = this.#exporters.get(exporter);
    if (interfaces === undefined) {
      interfaces = new Map();
      this.#exporters.set(exporter, interfaces);
    }
    return interfaces;
  }

  /** By the keys that are shown. An unknown interface counts for its exporter only. */
  #exporterSums(): { exporters: Map<string, Counter>; interfaces: Map<string, Counter> } {
    const exporters = new Map<string, Counter>();
    const interfaces = new Map<string, Counter>();
    for (const [address, counters] of this.#exporters) {
      const exporter = formatAddress(address);
      for (const [ifIndex, { packets, bytes }] of counters) {
        count(exporters, exporter, packets, bytes);
        if (ifIndex !== UNKNOWN_INTERFACE) count(interfaces, `${exporter} ${ifIndex}`, packets, bytes);
      }
    }
    return { exporters, interfaces };
  }

  #keepIfNew(slice: FlowSlice, row: number): void {
    if (slice !== this.#newestSlice) {
      this.#newestSlice = slice;
      this.#rowsOfSlice = 0;
    }
    if (this.#rowsOfSlice++ < this.#flowsShown) this.#places.push({ slice, row });
  }
}

function count<K>(counters: Map<K, Counter>, key: K, packets: number, bytes: number): void {
  const counter = counters.get(key);
  if (counter === undefined) {
    counters.set(key, { packets, bytes });
    return;
  }
  counter.packets += packets;
  counter.bytes += bytes;
}

/** By packets, then bytes, then key, so that the order does not depend on which thread received which flow. */
function largest<K extends AddressKey>(counters: ReadonlyMap<K, Counter>, text: (key: K) => string): TopEntry[] {
  const top: [K, Counter][] = [];
  for (const entry of counters) {
    if (top.length === TOP_ENTRIES && isBefore(top[TOP_ENTRIES - 1], entry)) continue;
    const place = top.findIndex((other) => isBefore(entry, other));
    top.splice(place < 0 ? top.length : place, 0, entry);
    if (top.length > TOP_ENTRIES) top.pop();
  }
  return top.map(([key, { packets, bytes }]) => ({ key: text(key), packets, bytes }));
}

function isBefore<K extends AddressKey>([keyA, a]: [K, Counter], [keyB, b]: [K, Counter]): boolean {
  if (a.packets !== b.packets) return a.packets > b.packets;
  return a.bytes === b.bytes ? keyA < keyB : a.bytes > b.bytes;
}

/** Only entries that are shown are formatted, because a flood may have many sources. */
function sourceKey({ src }: FlowSlice, row: number): AddressKey {
  const at = 4 * row;
  return addressKey(src[at], src[at + 1], src[at + 2], src[at + 3]);
}

function flowAt({ slice, row }: Place, dst: string): SampledFlow {
  return {
    src: addressKeyText(sourceKey(slice, row)),
    dst,
    srcPort: slice.srcPort[row],
    dstPort: slice.dstPort[row],
    ipProtocol: slice.ipProtocol[row],
    tcpFlags: slice.tcpFlags[row],
    fragment: slice.fragment[row] === 1,
    packets: slice.packets[row],
    bytes: slice.bytes[row],
    samplingRate: slice.samplingRate[row],
    receivedAtMs: slice.receivedAtMs[row],
  };
}
