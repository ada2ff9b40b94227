/*
 * A sample of the flows to protected hosts, with who reported each of them, from which `duplicateFlows.ts` finds those
 * that are reported more than once. Each receiving thread has one.
 *
 * The flows are those whose hash has enough zero bits, so the records of one flow are all in the sample or none of them,
 * in every thread. When the table fills, or after many records, one more zero bit is asked for (distinct sampling: P.
 * Gibbons, VLDB 2001), so that the sample costs little however much is reported.
 * A sample is kept for a round of the clock and one more.
 */
import { DIRECTION_EGRESS, type FlowBatch } from '../flowBatch.ts';
import { mixed } from '../flowKey.ts';
import { NO_MATCH, type PrefixTable } from '../net/prefixTable.ts';

/** Records of one flow from two routers come within their inactive timeouts, 15 to 60 s. */
const ROUND_MS = 120_000;

/** A power of two; at most half are used. */
const SLOTS = 4096;

/** Records after which fewer flows are followed: a sample of packets may report the same flows again and again. */
const RECORDS_PER_LEVEL = 65_536;

/** Slots in which a flow may be, one after the other. */
const PROBES = 16;
const NO_SLOT = -1;

/** More zero bits are never needed: that sample is of one flow in a million. */
const MOST_LEVEL = 20;

/** Exporters and directions that are remembered of one flow. */
export const REPORTS = 6;

/** The sample of one round as plain data. */
export interface FlowSightings {
  readonly round: number;
  /** Zero bits that `low` has. */
  readonly level: number;
  /** The key of each flow: two words. */
  readonly low: Int32Array;
  readonly high: Int32Array;
  /**
   * `REPORTS` for each flow: 2 × index into `exporters`, + 1 where it was seen at egress, + 1; 0 = none, and none after.
   */
  readonly reporters: Uint32Array;
  /** Packets that each of them counted, before the sampling correction. */
  readonly packets: Float32Array;
  /** Addresses. */
  readonly exporters: readonly string[];
}

export class SightedFlows {
  readonly #seed: number;
  #current = new Round();
  #previous = new Round();

  /** All threads must have the same seed. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Notes the flows of the batch's current datagram, which the exporter with this number has sent. */
  observe(batch: FlowBatch, exporter: number, networks: PrefixTable, now: number): void {
    const number = Math.floor(now / ROUND_MS);
    if (this.#current.number !== number) this.#begin(number);
    const round = this.#current;
    const { src3, dst3, srcPort, dstPort, start, end } = batch;
    const seed = this.#seed;
    let { mask } = round;
    for (let row = start; row < end; row++) {
      const low = mixed(seed ^ src3[row], dst3[row] ^ (srcPort[row] << 16) ^ dstPort[row]);
      if ((low & mask) !== 0) continue;
      const { dst0, dst1, dst2 } = batch;
      if (networks.lookup(dst0[row], dst1[row], dst2[row], dst3[row]) === NO_MATCH) continue;
      round.note(low, highOf(low, batch, row), 2 * exporter + 1 + egressBit(batch, row), batch.sampledPackets[row]);
      mask = round.mask;
    }
  }

  /** The samples of this round and the one before. `addresses` are those of the exporters by their number. */
  sightings(addresses: ReadonlyMap<number, string>, now: number): FlowSightings[] {
    const oldest = Math.floor(now / ROUND_MS) - 1;
    return [this.#previous, this.#current]
      .filter(({ number, used }) => number >= oldest && used > 0)
      .map((round) => round.sightings(addresses));
  }

  #begin(number: number): void {
    const next = this.#previous;
    this.#previous = this.#current;
    next.begin(number, Math.max(0, this.#current.level - 1));
    this.#current = next;
  }
}

class Round {
  number = -1;
  level = 0;
  used = 0;
  /** Since the level was raised. */
  #records = 0;
  readonly #isUsed = new Uint8Array(SLOTS);
  readonly #low = new Int32Array(SLOTS);
  readonly #high = new Int32Array(SLOTS);
  /** As in `FlowSightings`, with the number of the exporter. */
  readonly #reporters = new Uint32Array(SLOTS * REPORTS);
  readonly #packets = new Float32Array(SLOTS * REPORTS);

  /** The bits of `low` that must be zero. */
  get mask(): number {
    return (1 << this.level) - 1;
  }

  begin(number: number, level: number): void {
    this.number = number;
    this.level = level;
    this.used = 0;
    this.#records = 0;
    this.#isUsed.fill(0);
  }

  note(low: number, high: number, reporter: number, packets: number): void {
    const slot = this.#slotOf(low, high);
    if (slot === NO_SLOT) return;
    const from = slot * REPORTS;
    for (let i = from; i < from + REPORTS; i++) {
      if (this.#reporters[i] !== reporter && this.#reporters[i] !== 0) continue;
      this.#reporters[i] = reporter;
      this.#packets[i] += packets;
      break;
    }
    const isMuch = this.used > SLOTS / 2 || ++this.#records > RECORDS_PER_LEVEL;
    if (isMuch && this.level < MOST_LEVEL) this.#raiseLevel();
  }

  sightings(addresses: ReadonlyMap<number, string>): FlowSightings {
    const numbers = [...addresses.keys()];
    const indexes = new Map(numbers.map((number, index) => [number, index]));
    const low = new Int32Array(this.used);
    const high = new Int32Array(this.used);
    const reporters = new Uint32Array(this.used * REPORTS);
    const packets = new Float32Array(this.used * REPORTS);
    let flow = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      if (this.#isUsed[slot] === 0) continue;
      low[flow] = this.#low[slot];
      high[flow] = this.#high[slot];
      let to = flow++ * REPORTS;
      for (let i = slot * REPORTS; i < (slot + 1) * REPORTS && this.#reporters[i] !== 0; i++) {
        const code = this.#reporters[i] - 1;
        const index = indexes.get(code >>> 1);
        // An exporter that was evicted since.
        if (index === undefined) continue;
        reporters[to] = 2 * index + (code & 1) + 1;
        packets[to++] = this.#packets[i];
      }
    }
    return { round: this.number, level: this.level, low, high, reporters, packets, exporters: [...addresses.values()] };
  }

  /** The slot of the flow with this key, a new one where it has none; `NO_SLOT` where there is no room for it. */
  #slotOf(low: number, high: number): number {
    let free = NO_SLOT;
    for (let i = 0; i < PROBES; i++) {
      const slot = (high + i) & (SLOTS - 1);
      if (this.#isUsed[slot] === 0) {
        if (free === NO_SLOT) free = slot;
      } else if (this.#low[slot] === low && this.#high[slot] === high) {
        return slot;
      }
    }
    if (free !== NO_SLOT) this.#take(free, low, high);
    return free;
  }

  #take(slot: number, low: number, high: number): void {
    this.#isUsed[slot] = 1;
    this.#low[slot] = low;
    this.#high[slot] = high;
    this.#reporters.fill(0, slot * REPORTS, (slot + 1) * REPORTS);
    this.#packets.fill(0, slot * REPORTS, (slot + 1) * REPORTS);
    this.used++;
  }

  /** Asks for one more zero bit, and forgets the flows that lack it. */
  #raiseLevel(): void {
    this.level++;
    this.#records = 0;
    const { mask } = this;
    for (let slot = 0; slot < SLOTS; slot++) {
      if (this.#isUsed[slot] === 0 || (this.#low[slot] & mask) === 0) continue;
      this.#isUsed[slot] = 0;
      this.used--;
    }
  }
}

function highOf(low: number, batch: FlowBatch, row: number): number {
  const { src0, src1, src2, src3, dst0, dst1, dst2, ipProtocol, srcPort, dstPort } = batch;
  let high = mixed(low, src3[row]);
  high = mixed(high ^ src0[row], src1[row]);
  high = mixed(high ^ src2[row], dst0[row]);
  high = mixed(high ^ dst1[row], dst2[row]);
  return mixed(high ^ ipProtocol[row], (srcPort[row] << 16) | dstPort[row]);
}

function egressBit(batch: FlowBatch, row: number): number {
  return batch.direction[row] === DIRECTION_EGRESS ? 1 : 0;
}
