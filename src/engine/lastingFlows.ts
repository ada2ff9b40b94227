/*
 * Flows that last longer than the window: what period a record of one covers, and which flows go on.
 *
 * The counters of a record are those since the record before it of the same flow (RFC 7011 §2, deltaCounter), whatever
 * its start time says: on some routers that stays the time of the flow's first packet. So a record counts from the last
 * one of its flow or from its start, whichever is later, and never for longer than the active timeout of its exporter.
 *
 * A flow that its exporter still holds has sent more since its last record. It is carried forward at the mean rate of
 * that record until its next one is due. That record then replaces what was carried, because what is carried is never
 * written into buckets: it is added when a host is read.
 *
 * All sums are of whole multiples of 1/1024, which doubles add and subtract exactly, so no rounding error stays behind.
 * Both tables are bounded. A flow that finds no room is not carried forward; its records still count.
 */
import { COUNTS_FROM_START, FLOW_END_MASK, FLOW_ENDED, FLOW_GOES_ON, type FlowBatch } from '../flowBatch.ts';
import { FIN, RST, TCP } from '../net/protocolNumbers.ts';
import { FlowIndex } from './flowIndex.ts';
import { grown } from './grownColumn.ts';
import { type HostTable, LASTING_ROW } from './hostTable.ts';
import type { RateWindow } from './rateWindow.ts';
import { addSampled, addTraffic, BUCKET_VALUES } from './trafficCounters.ts';
import { HISTORY_BUCKETS, HISTORY_VALUES } from './trafficHistory.ts';

/** Flows carried forward at once; 73 bytes each. */
export const LASTING_FLOW_LIMIT = 262_144;

/** Hosts that have them, 24 bytes each; at most half of the tracked ones, because they are not displaced. */
export const LASTING_HOST_LIMIT = 131_072;

/** The longest default active timeout of routers (Cisco IOS). No record is taken to cover more. */
export const LONGEST_PERIOD_MS = 30 * 60 * 1000;

/** Exporters look for flows that are due only from time to time: the period of a record may be longer by this factor. */
const TIMEOUT_SLACK = 1.25;

/** A flow is carried for the time to its next record, and a little longer, because that may be late. */
const CARRY_FACTOR = 1.1;
const CARRY_GRACE_MS = 1500;

/** A flow of this part of the active timeout was reported because of it. */
const FULL_PERIOD = 0.9;

/** How long before its export a flow that goes on may have had its last packet. */
const FRESH_MS = 3000;
const FRESH_MS_AT_MOST = 10_000;

/** A new flow of the same key begins later than this after the last record; the time between says nothing. */
const CONTINUES_WITHIN_MS = 5000;

/** A start time that moves on is no earlier than this before the end of the last record: some have whole seconds. */
const START_TOLERANCE_MS = 2000;

/** Shorter periods between two records are no active timeout. */
const SHORTEST_TIMEOUT_MS = 900;

const NONE = -1;

export class LastingFlows {
  /** Flows carried forward now. */
  flowCount = 0;
  /** Hosts that have any. */
  hostCount = 0;
  /** Flows that found a table full. */
  overflow = 0;
  /** When the period of the record begins that was given to `follow` last. */
  periodFromMs = 0;

  readonly #table: HostTable;
  #window: RateWindow;
  readonly #index: FlowIndex;

  #endMs = new Float64Array(1024);
  #carriedUntilMs = new Float64Array(1024);
  #packetsPerSecond = new Float64Array(1024);
  #bytesPerSecond = new Float64Array(1024);
  #samplingRate = new Float64Array(1024);
  #kinds = new Uint8Array(1024);
  #hostRow = new Int32Array(1024);
  #next = new Int32Array(1024);
  #previous = new Int32Array(1024);

  #slot = new Int32Array(256);
  #firstFlow = new Int32Array(256);
  #hostPackets = new Float64Array(256);
  #hostBytes = new Float64Array(256);

  /** By bucket, the rates that begin to be carried in it; all zeros between two calls. */
  readonly #begun = new Float64Array(HISTORY_VALUES);
  readonly #carried = new Float64Array(BUCKET_VALUES);

  constructor(table: HostTable, window: RateWindow, seed: number) {
    this.#table = table;
    this.#window = window;
    this.#index = new FlowIndex(seed);
  }

  useWindow(window: RateWindow): void {
    this.#window = window;
  }

  /**
   * Takes a record of a flow to the host in `slot`, in this row of the batch, with estimates of its traffic. Sets
   * `periodFromMs`, and carries the flow forward if it goes on.
   */
  follow(batch: FlowBatch, row: number, slot: number, kinds: number, packets: number, bytes: number): void {
    const { now } = this.#window;
    const { activeTimeout } = batch.exporter[row];
    const endMs = now - batch.endAgoOf(row);
    const startMs = endMs - batch.durationMs[row];
    let flow = this.#index.find(batch, row);
    let fromMs = startMs;
    if (flow !== NONE && endMs > this.#endMs[flow]) fromMs = Math.max(startMs, this.#endMs[flow]);
    else flow = NONE;
    const timeoutMs = activeTimeout.ms;
    const longestMs = activeTimeout.longestMs > 0 ? activeTimeout.longestMs * TIMEOUT_SLACK : LONGEST_PERIOD_MS;
    if ((batch.flowFlags[row] & COUNTS_FROM_START) !== 0) fromMs = startMs;
    else fromMs = Math.max(fromMs, endMs - longestMs);
    this.periodFromMs = fromMs;
    const goesOn = this.#goesOn(batch, row, now - fromMs, timeoutMs);
    if (flow !== NONE) {
      const periodMs = endMs - this.#endMs[flow];
      if (goesOn && periodMs >= SHORTEST_TIMEOUT_MS && startMs <= this.#endMs[flow] + CONTINUES_WITHIN_MS)
        activeTimeout.observe(periodMs, startMs < this.#endMs[flow] - START_TOLERANCE_MS, now);
      this.#remove(flow);
    }
    if (!goesOn || endMs <= fromMs) return;
    // Totals may be of many hours, but the next ones come as soon as those of other flows.
    const dueInMs = Math.min(Math.max(timeoutMs, endMs - fromMs), longestMs) * CARRY_FACTOR;
    this.#carry(slot, endMs, endMs + dueInMs + CARRY_GRACE_MS, {
      packetsPerSecond: wholeParts((packets * 1000) / (endMs - fromMs)),
      bytesPerSecond: wholeParts((bytes * 1000) / (endMs - fromMs)),
      samplingRate: batch.samplingRate[row],
      kinds,
    });
  }

  /** Ends the flows whose next record did not come. One pass over a column: a fifth of a millisecond when it is full. */
  expire(): void {
    const { now } = this.#window;
    for (let flow = this.flowCount - 1; flow >= 0; flow--) {
      if (this.#carriedUntilMs[flow] <= now) this.#remove(flow);
    }
  }

  /** Packets a second that the host's flows are carried forward with; 0 where it has none. */
  packetsPerSecond(slot: number): number {
    const host = this.#table.word(slot, LASTING_ROW) - 1;
    return host < 0 ? 0 : this.#hostPackets[host];
  }

  bytesPerSecond(slot: number): number {
    const host = this.#table.word(slot, LASTING_ROW) - 1;
    return host < 0 ? 0 : this.#hostBytes[host];
  }

  /** Adds what a host's flows were carried forward with to its series, `HISTORY_VALUES` long, the oldest bucket first. */
  addTo(series: Float64Array, slot: number): void {
    const host = this.#table.word(slot, LASTING_ROW) - 1;
    if (host < 0) return;
    const window = this.#window;
    const oldest = window.bucket - HISTORY_BUCKETS + 1;
    for (let flow = this.#firstFlow[host]; flow !== NONE; flow = this.#next[flow]) {
      const endMs = this.#endMs[flow];
      const bucket = window.bucketOf(endMs);
      if (bucket >= oldest) this.#addPart(series, flow, bucket - oldest, endMs);
      // The bucket in progress is added in part, as the last one.
      const full = Math.max(0, bucket + 1 - oldest);
      if (full < HISTORY_BUCKETS) this.#addRates(this.#begun, full * BUCKET_VALUES, flow, 1);
    }
    this.#addBegun(series);
  }

  /** Adds to `rates`, in packets and bytes a second, what was carried forward of the window that ends now. */
  addToRates(rates: Float64Array, slot: number): void {
    const host = this.#table.word(slot, LASTING_ROW) - 1;
    if (host < 0) return;
    const windowMs = this.#window.windowSeconds * 1000;
    for (let flow = this.#firstFlow[host]; flow !== NONE; flow = this.#next[flow]) {
      const part = Math.min(1, (this.#window.now - this.#endMs[flow]) / windowMs);
      const packets = this.#packetsPerSecond[flow] * part;
      addTraffic(rates, 0, packets, this.#bytesPerSecond[flow] * part, this.#kinds[flow]);
    }
  }

  /** Forgets the flows of hosts that are about to be removed. */
  drop(leaving: (slot: number) => boolean): void {
    for (let flow = this.flowCount - 1; flow >= 0; flow--) {
      if (leaving(this.#slot[this.#hostRow[flow]])) this.#remove(flow);
    }
  }

  /**
   * Whether the exporter still holds the flow. Where its record does not say so, it does if the active timeout was
   * reached; where that is not known, if the last packet is just past and no FIN or RST was seen.
   */
  #goesOn(batch: FlowBatch, row: number, ageMs: number, timeoutMs: number): boolean {
    const flowEnd = batch.flowFlags[row] & FLOW_END_MASK;
    if (flowEnd === FLOW_GOES_ON) return true;
    if (flowEnd === FLOW_ENDED) return false;
    const endAgoMs = batch.endAgoOf(row);
    if (timeoutMs > 0) {
      const freshMs = Math.max(FRESH_MS, Math.min(FRESH_MS_AT_MOST, timeoutMs / 6));
      return ageMs >= FULL_PERIOD * timeoutMs && endAgoMs <= freshMs;
    }
    const isClosed = batch.ipProtocol[row] === TCP && (batch.tcpFlags[row] & (FIN | RST)) !== 0;
    return !isClosed && endAgoMs <= FRESH_MS && ageMs > 1000 * this.#window.windowSeconds;
  }

  /** Carries the flow with the key that was looked up last, where there is room. */
  #carry(slot: number, endMs: number, untilMs: number, rates: CarriedRates): void {
    const host = this.flowCount < LASTING_FLOW_LIMIT ? this.#hostRowOf(slot) : NONE;
    if (host === NONE) {
      this.overflow++;
      return;
    }
    if (this.flowCount === this.#endMs.length) this.#growFlows();
    const flow = this.flowCount++;
    this.#index.add(flow);
    this.#endMs[flow] = endMs;
    this.#carriedUntilMs[flow] = untilMs;
    this.#packetsPerSecond[flow] = rates.packetsPerSecond;
    this.#bytesPerSecond[flow] = rates.bytesPerSecond;
    this.#samplingRate[flow] = rates.samplingRate;
    this.#kinds[flow] = rates.kinds;
    this.#hostRow[flow] = host;
    this.#hostPackets[host] += rates.packetsPerSecond;
    this.#hostBytes[host] += rates.bytesPerSecond;
    const first = this.#firstFlow[host];
    this.#next[flow] = first;
    this.#previous[flow] = NONE;
    if (first !== NONE) this.#previous[first] = flow;
    this.#firstFlow[host] = flow;
  }

  #remove(flow: number): void {
    this.#index.remove(flow);
    const host = this.#hostRow[flow];
    this.#hostPackets[host] -= this.#packetsPerSecond[flow];
    this.#hostBytes[host] -= this.#bytesPerSecond[flow];
    this.#link(host, this.#previous[flow], this.#next[flow]);
    if (this.#firstFlow[host] === NONE) this.#removeHost(host);
    const last = --this.flowCount;
    if (flow !== last) this.#moveFlow(last, flow);
  }

  /** Makes two flows of a host neighbours in its list; either may be `NONE`, the end of the list. */
  #link(host: number, previous: number, next: number): void {
    if (previous === NONE) this.#firstFlow[host] = next;
    else this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
  }

  #moveFlow(from: number, to: number): void {
    this.#index.move(from, to);
    this.#endMs[to] = this.#endMs[from];
    this.#carriedUntilMs[to] = this.#carriedUntilMs[from];
    this.#packetsPerSecond[to] = this.#packetsPerSecond[from];
    this.#bytesPerSecond[to] = this.#bytesPerSecond[from];
    this.#samplingRate[to] = this.#samplingRate[from];
    this.#kinds[to] = this.#kinds[from];
    this.#hostRow[to] = this.#hostRow[from];
    this.#next[to] = this.#next[from];
    this.#previous[to] = this.#previous[from];
    const host = this.#hostRow[to];
    this.#link(host, this.#previous[to], to);
    this.#link(host, to, this.#next[to]);
  }

  /** The host's row, added where it has none; `NONE` where the table is full. */
  #hostRowOf(slot: number): number {
    const existing = this.#table.word(slot, LASTING_ROW) - 1;
    if (existing >= 0) return existing;
    if (this.hostCount >= Math.min(LASTING_HOST_LIMIT, this.#table.limit / 2)) return NONE;
    if (this.hostCount === this.#slot.length) this.#growHosts();
    const host = this.hostCount++;
    this.#table.setWord(slot, LASTING_ROW, host + 1);
    this.#slot[host] = slot;
    this.#firstFlow[host] = NONE;
    this.#hostPackets[host] = 0;
    this.#hostBytes[host] = 0;
    return host;
  }

  /** The last row moves into the one that is freed. */
  #removeHost(host: number): void {
    this.#table.setWord(this.#slot[host], LASTING_ROW, 0);
    const last = --this.hostCount;
    if (host === last) return;
    this.#table.setWord(this.#slot[last], LASTING_ROW, host + 1);
    this.#slot[host] = this.#slot[last];
    this.#firstFlow[host] = this.#firstFlow[last];
    this.#hostPackets[host] = this.#hostPackets[last];
    this.#hostBytes[host] = this.#hostBytes[last];
    for (let flow = this.#firstFlow[host]; flow !== NONE; flow = this.#next[flow]) this.#hostRow[flow] = host;
  }

  /** Adds what the flow was carried with in the rest of the bucket in which it began to be carried. */
  #addPart(series: Float64Array, flow: number, place: number, endMs: number): void {
    const window = this.#window;
    const bucketEnd = Math.min(window.now, window.startOf(window.bucketOf(endMs) + 1));
    this.#addRates(series, place * BUCKET_VALUES, flow, (bucketEnd - endMs) / 1000);
  }

  #addRates(values: Float64Array, at: number, flow: number, seconds: number): void {
    const packets = this.#packetsPerSecond[flow] * seconds;
    const bytes = this.#bytesPerSecond[flow] * seconds;
    addSampled(values, at, packets, bytes, this.#kinds[flow], this.#samplingRate[flow]);
  }

  /** Adds to each bucket the rates of all flows that are carried from before it, and clears `#begun`. */
  #addBegun(series: Float64Array): void {
    const window = this.#window;
    const carried = this.#carried.fill(0);
    for (let place = 0; place < HISTORY_BUCKETS; place++) {
      const isInProgress = place === HISTORY_BUCKETS - 1;
      const seconds = (isInProgress ? window.now - window.bucketStartMs : window.bucketMs) / 1000;
      const at = place * BUCKET_VALUES;
      for (let column = 0; column < BUCKET_VALUES; column++) {
        carried[column] += this.#begun[at + column];
        series[at + column] += carried[column] * seconds;
      }
    }
    this.#begun.fill(0);
  }

  #growFlows(): void {
    const capacity = 2 * this.#endMs.length;
    this.#endMs = grown(this.#endMs, new Float64Array(capacity));
    this.#carriedUntilMs = grown(this.#carriedUntilMs, new Float64Array(capacity));
    this.#packetsPerSecond = grown(this.#packetsPerSecond, new Float64Array(capacity));
    this.#bytesPerSecond = grown(this.#bytesPerSecond, new Float64Array(capacity));
    this.#samplingRate = grown(this.#samplingRate, new Float64Array(capacity));
    this.#kinds = grown(this.#kinds, new Uint8Array(capacity));
    this.#hostRow = grown(this.#hostRow, new Int32Array(capacity));
    this.#next = grown(this.#next, new Int32Array(capacity));
    this.#previous = grown(this.#previous, new Int32Array(capacity));
  }

  #growHosts(): void {
    const capacity = 2 * this.#slot.length;
    this.#slot = grown(this.#slot, new Int32Array(capacity));
    this.#firstFlow = grown(this.#firstFlow, new Int32Array(capacity));
    this.#hostPackets = grown(this.#hostPackets, new Float64Array(capacity));
    this.#hostBytes = grown(this.#hostBytes, new Float64Array(capacity));
  }
}

interface CarriedRates {
  readonly packetsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly samplingRate: number;
  readonly kinds: number;
}

/** Rounds to a multiple of 1/1024. Sums of such numbers are exact up to 2^43. */
function wholeParts(rate: number): number {
  return Math.round(rate * 1024) / 1024;
}
