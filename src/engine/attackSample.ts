/*
 * What an attack is made of: flows that the receiving threads cut out of their rings, added up. Counters are estimates of
 * real traffic. Slices of several threads give what one thread that saw everything would have given.
 */
import { type Address, formatWords } from '../net/address.ts';
import type { AttackSample, SampledFlow, TopEntry } from './attack.ts';
import type { FlowSlice } from './flowSlice.ts';

/** Entries of each list. */
const TOP_ENTRIES = 20;

/** A sample for each of the targets that the slices were asked for, in their order. */
export function samplesOf(
  slices: readonly FlowSlice[],
  targets: readonly Address[],
  flowsPerAttack: number,
): AttackSample[] {
  const sums = targets.map(() => new SampleSum());
  for (const slice of slices) {
    for (let row = 0; row < slice.count; row++) sums[slice.target[row]].add(slice, row);
  }
  return sums.map((sum, i) => sum.sample(targets[i], flowsPerAttack));
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
  readonly #places: Place[] = [];
  readonly #sources = new Map<string, Counter>();
  readonly #srcPorts = new Map<string, Counter>();
  readonly #dstPorts = new Map<string, Counter>();
  readonly #protocols = new Map<string, Counter>();
  #packets = 0;
  #bytes = 0;

  add(slice: FlowSlice, row: number): void {
    const packets = slice.packets[row];
    const bytes = slice.bytes[row];
    this.#places.push({ slice, row });
    this.#packets += packets;
    this.#bytes += bytes;
    count(this.#sources, sourceText(slice, row), packets, bytes);
    count(this.#protocols, String(slice.ipProtocol[row]), packets, bytes);
    // Only the first fragment of a packet has ports, so a fragment's tell nothing.
    if (slice.fragment[row] === 1) return;
    count(this.#srcPorts, String(slice.srcPort[row]), packets, bytes);
    count(this.#dstPorts, String(slice.dstPort[row]), packets, bytes);
  }

  sample(target: Address, flowsPerAttack: number): AttackSample {
    const dst = formatWords(target.word0, target.word1, target.word2, target.word3);
    const newestFirst = this.#places.sort((a, b) => b.slice.receivedAtMs[b.row] - a.slice.receivedAtMs[a.row]);
    return {
      flows: newestFirst.slice(0, flowsPerAttack).map((place) => flowAt(place, dst)),
      topSources: largest(this.#sources),
      topSrcPorts: largest(this.#srcPorts),
      topDstPorts: largest(this.#dstPorts),
      protocols: largest(this.#protocols),
      totalPackets: this.#packets,
      totalBytes: this.#bytes,
    };
  }
}

function count(counters: Map<string, Counter>, key: string, packets: number, bytes: number): void {
  const counter = counters.get(key);
  if (counter === undefined) {
    counters.set(key, { packets, bytes });
    return;
  }
  counter.packets += packets;
  counter.bytes += bytes;
}

/** By packets, then bytes, then key, so that the order does not depend on which thread saw what. */
function largest(counters: ReadonlyMap<string, Counter>): TopEntry[] {
  const entries = [...counters].map(([key, { packets, bytes }]) => ({ key, packets, bytes }));
  entries.sort((a, b) => b.packets - a.packets || b.bytes - a.bytes || (a.key < b.key ? -1 : 1));
  return entries.slice(0, TOP_ENTRIES);
}

function sourceText({ src }: FlowSlice, row: number): string {
  return formatWords(src[4 * row], src[4 * row + 1], src[4 * row + 2], src[4 * row + 3]);
}

function flowAt({ slice, row }: Place, dst: string): SampledFlow {
  return {
    src: sourceText(slice, row),
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
