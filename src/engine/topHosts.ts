/*
 * Scans of the whole host table: the hosts with the highest rates of one metric, and the traffic of all groups. The
 * table may hold millions of hosts and belongs to a thread that has datagrams to receive, so a scan can be done in
 * steps. A heap keeps the largest so far.
 */
import { METRIC_COUNT, type Metric, offsetOf, TOTAL_COUNT } from '../trafficMetrics.ts';
import { GROUP_AND_FLAGS, GROUP_MASK, type HostTable } from './hostTable.ts';
import type { HostTraffic } from './hostTraffic.ts';

type ReadableTraffic = Pick<HostTraffic, 'rateOf' | 'ratesOf'>;

export interface TopHostsQuery {
  readonly metric: Metric;
  /** How many hosts, at least 1. */
  readonly limit: number;
  /** Only hosts of these groups, by number; undefined = all. */
  readonly groups?: readonly number[];
}

export class TopHostsScan {
  /** Whether every host has been looked at. */
  done = false;
  readonly #query: TopHostsQuery;
  readonly #groups: ReadonlySet<number> | undefined;
  readonly #metric: number;
  readonly #table: HostTable;
  #nextSlot = 0;
  /** A binary heap with the smallest rate on top, and the slots that go with the rates. */
  readonly #rates: number[] = [];
  readonly #slots: number[] = [];

  constructor(query: TopHostsQuery, table: HostTable) {
    this.#query = query;
    this.#groups = query.groups && new Set(query.groups);
    this.#metric = offsetOf(query.metric);
    this.#table = table;
  }

  /** Scans the next `rows` rows; a row takes about a tenth of a microsecond. */
  step(traffic: ReadableTraffic, rows: number): void {
    const end = Math.min(this.#table.usedSlots, this.#nextSlot + rows);
    for (let slot = this.#nextSlot; slot < end; slot++) {
      if (!this.#isAsked(slot)) continue;
      const rate = traffic.rateOf(slot, this.#metric);
      if (rate <= 0) continue;
      this.visit(traffic, this.#table, slot);
      this.#offer(rate, slot);
    }
    this.#nextSlot = end;
    this.done = end >= this.#table.usedSlots;
  }

  /** The slots with the largest rates so far, largest first. Hosts that were evicted since then are left out. */
  slots(): number[] {
    return this.#slots
      .map((slot, i) => ({ slot, rate: this.#rates[i] }))
      .filter(({ slot }) => this.#isAsked(slot))
      .sort((a, b) => b.rate - a.rate || a.slot - b.slot)
      .map(({ slot }) => slot);
  }

  /** For subclasses: called for each host where the metric is above 0. */
  protected visit(_traffic: ReadableTraffic, _table: HostTable, _slot: number): void {}

  #isAsked(slot: number): boolean {
    if (!this.#table.isUsed(slot)) return false;
    if (this.#groups === undefined) return true;
    return this.#groups.has(this.#table.word(slot, GROUP_AND_FLAGS) & GROUP_MASK);
  }

  #offer(rate: number, slot: number): void {
    if (this.#slots.length < this.#query.limit) {
      this.#rates.push(rate);
      this.#slots.push(slot);
      this.#rise(this.#slots.length - 1);
    } else if (rate > this.#rates[0]) {
      this.#rates[0] = rate;
      this.#slots[0] = slot;
      this.#sink();
    }
  }

  #rise(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (this.#rates[parent] <= this.#rates[at]) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(): void {
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      if (left >= this.#rates.length) return;
      const right = left + 1;
      const child = right < this.#rates.length && this.#rates[right] < this.#rates[left] ? right : left;
      if (this.#rates[at] <= this.#rates[child]) return;
      this.#swap(at, child);
      at = child;
    }
  }

  #swap(a: number, b: number): void {
    [this.#rates[a], this.#rates[b]] = [this.#rates[b], this.#rates[a]];
    [this.#slots[a], this.#slots[b]] = [this.#slots[b], this.#slots[a]];
  }
}

/**
 * The traffic of all hosts at one time, for the history: the rates of the hosts with most packets, and the sums of all
 * groups. Like TopHostsScan, it works in steps.
 */
export class TrafficScan extends TopHostsScan {
  /** `TOTAL_COUNT` values for each group, by its number; complete when the scan is done. */
  readonly groupRates: Float64Array<ArrayBuffer>;
  readonly #rates = new Float64Array(METRIC_COUNT);

  /** `limit`: hosts whose own rates are kept. */
  constructor(limit: number, groupCount: number, table: HostTable) {
    super({ metric: 'pps', limit }, table);
    this.groupRates = new Float64Array(TOTAL_COUNT * groupCount);
  }

  protected override visit(traffic: ReadableTraffic, table: HostTable, slot: number): void {
    const at = TOTAL_COUNT * (table.word(slot, GROUP_AND_FLAGS) & GROUP_MASK);
    traffic.ratesOf(slot, this.#rates);
    for (let metric = 0; metric < TOTAL_COUNT; metric++) this.groupRates[at + metric] += this.#rates[metric];
  }
}
