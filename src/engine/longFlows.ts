/*
 * Flows that lasted longer than the window. An exporter reports them once in its active timeout, which may be minutes.
 * Counted on arrival, the traffic of a minute would be one spike; counted in the past, where it was, it would be
 * outside the window. So the flow is assumed to continue at its mean rate for as long as it lasted. This is right for a
 * steady flow: its next record arrives just when this time is over. The window then shows the flow's rate without spike
 * or gap, and over time exactly the packets and bytes that were reported.
 *
 * Each host with long flows has one row of summed rates; `settle` adds the traffic since the last call to the buckets.
 * Both tables are bounded. Where there is no room, the caller counts the part of the flow that fits in the window at
 * once.
 */
import { METRIC_COUNT } from '../trafficMetrics.ts';
import {
  BUCKETS,
  FIRST_BUCKET,
  type HostTable,
  LAST_BUCKET,
  LONG_ROW,
  ROW_VALUES,
  ROW_WORDS,
  SLAB_MASK,
  SLAB_SHIFT,
} from './hostTable.ts';
import type { RateWindow } from './rateWindow.ts';
import { addTraffic } from './trafficKinds.ts';

/** Long flows at once; 29 bytes each. */
export const LONG_FLOW_LIMIT = 262_144;

/** Hosts that have them; 116 bytes each. */
export const LONG_HOST_LIMIT = 131_072;

/**
 * Thirty minutes, the longest default active timeout of routers (Cisco IOS). A longer flow counts for this long, at its
 * mean rate.
 */
export const LONGEST_FLOW_MS = 30 * 60 * 1000;

export class LongFlows {
  /** Flows in progress. */
  flowCount = 0;
  /** Hosts that have any. */
  hostCount = 0;

  readonly #table: HostTable;
  #window: RateWindow;

  #endsAtMs = new Float64Array(1024);
  #packetsPerSecond = new Float64Array(1024);
  #bytesPerSecond = new Float64Array(1024);
  #slot = new Int32Array(1024);
  #kinds = new Uint8Array(1024);

  #hostSlot = new Int32Array(256);
  #hostFlows = new Int32Array(256);
  #settledAtMs = new Float64Array(256);
  /** METRIC_COUNT values for each host: its traffic in a second. */
  #hostRates = new Float64Array(256 * METRIC_COUNT);
  /** Where the next `settleSome` begins. */
  #cursor = 0;

  constructor(table: HostTable, window: RateWindow) {
    this.#table = table;
    this.#window = window;
  }

  /** The length of a bucket changes. All hosts must have been settled. */
  useWindow(window: RateWindow): void {
    this.#window = window;
  }

  /** Begins a flow that lasts `seconds` from now; false where the table is full. */
  add(slot: number, packets: number, bytes: number, kinds: number, seconds: number): boolean {
    if (this.flowCount >= LONG_FLOW_LIMIT) return false;
    const host = this.#hostRowOf(slot);
    if (host < 0) return false;
    this.#settleTo(host, this.#window.now);
    if (this.flowCount === this.#endsAtMs.length) this.#growFlows();
    const flow = this.flowCount++;
    this.#endsAtMs[flow] = this.#window.now + seconds * 1000;
    this.#packetsPerSecond[flow] = packets / seconds;
    this.#bytesPerSecond[flow] = bytes / seconds;
    this.#slot[flow] = slot;
    this.#kinds[flow] = kinds;
    addTraffic(this.#hostRates, host * METRIC_COUNT, packets / seconds, bytes / seconds, kinds);
    this.#hostFlows[host]++;
    return true;
  }

  /** Ends the flows whose time is over. One pass over a column: a fifth of a millisecond when the table is full. */
  expire(): void {
    const now = this.#window.now;
    for (let flow = this.flowCount - 1; flow >= 0; flow--) {
      if (this.#endsAtMs[flow] <= now) this.#end(flow);
    }
  }

  /** Adds the traffic of a host's long flows up to now to its buckets. Does nothing where it has none. */
  settle(slot: number): void {
    const host = this.#table.word(slot, LONG_ROW) - 1;
    if (host >= 0) this.#settleTo(host, this.#window.now);
  }

  /** Settles the next hosts, at most `most`, and calls back with each one's slot. */
  settleSome(most: number, settled: (slot: number) => void): void {
    const count = Math.min(most, this.hostCount);
    for (let i = 0; i < count; i++) {
      if (this.#cursor >= this.hostCount) this.#cursor = 0;
      const host = this.#cursor++;
      this.#settleTo(host, this.#window.now);
      settled(this.#hostSlot[host]);
    }
  }

  /** Packets or bytes that a host's long flows add in a second, by offset. */
  rateOf(slot: number, offset: number): number {
    const host = this.#table.word(slot, LONG_ROW) - 1;
    return host < 0 ? 0 : this.#hostRates[host * METRIC_COUNT + offset];
  }

  /** Forgets the flows of hosts that are about to be removed. */
  drop(leaving: (slot: number) => boolean): void {
    for (let flow = this.flowCount - 1; flow >= 0; flow--) {
      if (leaving(this.#slot[flow])) this.#end(flow);
    }
  }

  /** The clock was set forward by this much; stored times move with it. */
  shift(deltaMs: number): void {
    for (let flow = 0; flow < this.flowCount; flow++) this.#endsAtMs[flow] += deltaMs;
    for (let host = 0; host < this.hostCount; host++) this.#settledAtMs[host] += deltaMs;
  }

  /** A flow ends at its own time; traffic that was added for later is subtracted. */
  #end(flow: number): void {
    const slot = this.#slot[flow];
    const host = this.#table.word(slot, LONG_ROW) - 1;
    const endsAt = Math.min(this.#endsAtMs[flow], this.#window.now);
    const settledTo = this.#settleTo(host, endsAt);
    const packets = this.#packetsPerSecond[flow];
    const bytes = this.#bytesPerSecond[flow];
    const kinds = this.#kinds[flow];
    addTraffic(this.#hostRates, host * METRIC_COUNT, -packets, -bytes, kinds);
    if (settledTo > endsAt) {
      const bucketAt = (slot & SLAB_MASK) * ROW_VALUES + FIRST_BUCKET + this.#window.position * METRIC_COUNT;
      const excessSeconds = (settledTo - endsAt) / 1000;
      const { values } = this.#table.slabs[slot >> SLAB_SHIFT];
      addTraffic(values, bucketAt, -packets * excessSeconds, -bytes * excessSeconds, kinds);
    }
    if (--this.#hostFlows[host] === 0) this.#removeHost(host);
    this.#removeFlow(flow);
  }

  /**
   * Adds the traffic since the last time to the buckets in which it passed. Returns the time up to which that is done.
   */
  #settleTo(host: number, until: number): number {
    const window = this.#window;
    const from = this.#settledAtMs[host];
    const slot = this.#hostSlot[host];
    const { values, words } = this.#table.slabs[slot >> SLAB_SHIFT];
    const row = slot & SLAB_MASK;
    if (words[row * ROW_WORDS + LAST_BUCKET] !== window.bucket) window.roll(values, words, row);
    if (until <= from) return from;
    const first = row * ROW_VALUES + FIRST_BUCKET;
    const ratesAt = host * METRIC_COUNT;
    let bucketEnd = Number.POSITIVE_INFINITY;
    let bucketStart = window.bucketStartMs;
    for (let age = 0; age < BUCKETS && bucketEnd > from; age++) {
      const seconds = (Math.min(until, bucketEnd) - Math.max(from, bucketStart)) / 1000;
      const at = first + ((window.position + BUCKETS - age) % BUCKETS) * METRIC_COUNT;
      if (seconds > 0) {
        for (let metric = 0; metric < METRIC_COUNT; metric++) {
          values[at + metric] += this.#hostRates[ratesAt + metric] * seconds;
        }
      }
      bucketEnd = bucketStart;
      bucketStart -= window.bucketMs;
    }
    this.#settledAtMs[host] = until;
    return until;
  }

  /** The host's row in the table of rates, added where it has none; -1 where the table is full. */
  #hostRowOf(slot: number): number {
    const existing = this.#table.word(slot, LONG_ROW) - 1;
    if (existing >= 0) return existing;
    if (this.hostCount >= LONG_HOST_LIMIT) return -1;
    if (this.hostCount === this.#hostSlot.length) this.#growHosts();
    const host = this.hostCount++;
    this.#table.setWord(slot, LONG_ROW, host + 1);
    this.#hostSlot[host] = slot;
    this.#hostFlows[host] = 0;
    this.#settledAtMs[host] = this.#window.now;
    this.#hostRates.fill(0, host * METRIC_COUNT, (host + 1) * METRIC_COUNT);
    return host;
  }

  /** The last row moves into the one that is freed. */
  #removeHost(host: number): void {
    this.#table.setWord(this.#hostSlot[host], LONG_ROW, 0);
    const last = --this.hostCount;
    if (host === last) return;
    const slot = this.#hostSlot[last];
    this.#hostSlot[host] = slot;
    this.#hostFlows[host] = this.#hostFlows[last];
    this.#settledAtMs[host] = this.#settledAtMs[last];
    this.#hostRates.copyWithin(host * METRIC_COUNT, last * METRIC_COUNT, (last + 1) * METRIC_COUNT);
    this.#table.setWord(slot, LONG_ROW, host + 1);
  }

  /** The last flow moves into the row that is freed. */
  #removeFlow(flow: number): void {
    const last = --this.flowCount;
    this.#endsAtMs[flow] = this.#endsAtMs[last];
    this.#packetsPerSecond[flow] = this.#packetsPerSecond[last];
    this.#bytesPerSecond[flow] = this.#bytesPerSecond[last];
    this.#slot[flow] = this.#slot[last];
    this.#kinds[flow] = this.#kinds[last];
  }

  #growFlows(): void {
    const capacity = 2 * this.#slot.length;
    this.#endsAtMs = grown(this.#endsAtMs, new Float64Array(capacity));
    this.#packetsPerSecond = grown(this.#packetsPerSecond, new Float64Array(capacity));
    this.#bytesPerSecond = grown(this.#bytesPerSecond, new Float64Array(capacity));
    this.#slot = grown(this.#slot, new Int32Array(capacity));
    this.#kinds = grown(this.#kinds, new Uint8Array(capacity));
  }

  #growHosts(): void {
    const capacity = 2 * this.#hostSlot.length;
    this.#hostSlot = grown(this.#hostSlot, new Int32Array(capacity));
    this.#hostFlows = grown(this.#hostFlows, new Int32Array(capacity));
    this.#settledAtMs = grown(this.#settledAtMs, new Float64Array(capacity));
    this.#hostRates = grown(this.#hostRates, new Float64Array(capacity * METRIC_COUNT));
  }
}

function grown<Column extends Float64Array | Int32Array | Uint8Array>(column: Column, larger: Column): Column {
  larger.set(column);
  return larger;
}
