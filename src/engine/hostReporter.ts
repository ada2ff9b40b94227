/*
 * The reports of a receiving thread: the rates of the watched hosts, and of the candidates that are over their part of
 * a limit. The reports of all threads are added and judged by the detector, on the main thread.
 */
import { NO_HOST } from '../flowBatch.ts';
import type { Address } from '../net/address.ts';
import { NO_MATCH, type PrefixTable } from '../net/prefixTable.ts';
import { METRIC_COUNT } from '../trafficMetrics.ts';
import type { CandidateHosts } from './candidateHosts.ts';
import type { EnginePlan } from './enginePlan.ts';
import { type HostReport, HostReportWriter } from './hostReport.ts';
import { GROUP_AND_FLAGS, GROUP_MASK, type HostTable, ROW_WORDS, SLAB_MASK, SLAB_SHIFT, WATCHED } from './hostTable.ts';
import type { LongFlows } from './longFlows.ts';
import type { RateWindow } from './rateWindow.ts';

/**
 * In a report with this many rows, no more hosts are added that are not watched. Hosts that the detector watches
 * because of a report count too, so that its memory is bounded even with very low limits. It allows 10,000 attacks at
 * once.
 */
const REPORTED_HOSTS_LIMIT = 32_768;

/** Candidate hosts whose rates are calculated in one tick. Where low limits make more candidates, they take turns. */
const CANDIDATES_PER_TICK = 32_768;

export class HostReporter {
  /** Hosts over their part of a limit that did not fit into a report, since start. */
  unreportedHosts = 0;
  readonly #table: HostTable;
  readonly #longFlows: LongFlows;
  readonly #candidates: CandidateHosts;
  readonly #writer = new HostReportWriter();
  readonly #rates = new Float64Array(METRIC_COUNT);
  #plan!: EnginePlan;
  #protected!: PrefixTable;
  #window!: RateWindow;
  #watched: readonly Address[] = [];
  #candidateCursor = 0;

  constructor(table: HostTable, longFlows: LongFlows, candidates: CandidateHosts) {
    this.#table = table;
    this.#longFlows = longFlows;
    this.#candidates = candidates;
  }

  /** Before the first report and after each change of the configuration. */
  use(plan: EnginePlan, protectedPrefixes: PrefixTable, window: RateWindow): void {
    this.#plan = plan;
    this.#protected = protectedPrefixes;
    this.#window = window;
  }

  /** Replaces the set of hosts that every report names and that are not evicted. */
  watch(targets: readonly Address[]): void {
    for (const target of this.#watched) this.#setWatched(this.#table.findAddress(target), false);
    this.#watched = targets;
    for (const target of targets) this.#setWatched(this.#table.findAddress(target), true);
  }

  /** The current rates of the watched hosts and of the candidates over their part of a limit. */
  report(): HostReport {
    this.#writer.clear();
    for (const target of this.#watched) this.#reportWatched(target);
    this.#reportCandidates();
    return this.#writer.report(this.#window.now);
  }

  /** The current rates of the hosts in these slots. */
  reportSlots(slots: readonly number[]): HostReport {
    this.#writer.clear();
    for (const slot of slots) {
      this.#readRates(slot);
      this.#append(slot);
    }
    return this.#writer.report(this.#window.now);
  }

  /** A watched host is in every report, with zeros where it has no row. */
  #reportWatched(target: Address): void {
    const slot = this.#table.findAddress(target);
    if (slot !== NO_HOST) {
      this.#setWatched(slot, true);
      this.#readRates(slot);
      this.#append(slot);
      return;
    }
    const group = this.#protected.lookupAddress(target);
    if (group === NO_MATCH) return;
    this.#rates.fill(0);
    this.#writer.append(target.word0, target.word1, target.word2, target.word3, group, this.#rates);
  }

  /** Goes backwards through the candidates, so that a host that moves into a dropped one's place was already judged. */
  #reportCandidates(): void {
    if (this.#candidateCursor <= 0 || this.#candidateCursor > this.#candidates.count)
      this.#candidateCursor = this.#candidates.count;
    const stop = Math.max(0, this.#candidateCursor - CANDIDATES_PER_TICK);
    while (this.#candidateCursor > stop) {
      const place = --this.#candidateCursor;
      if (!this.#candidates.keepOrDrop(place, this.#window.bucket)) continue;
      const slot = this.#candidates.slotAt(place);
      if ((this.#table.word(slot, GROUP_AND_FLAGS) & WATCHED) !== 0) continue;
      this.#readRates(slot);
      if (!this.#isOverItsPart(slot)) continue;
      if (this.#writer.count < REPORTED_HOSTS_LIMIT) this.#append(slot);
      else this.unreportedHosts++;
    }
  }

  /** If the sum over all threads is over a limit, then that of one thread is over the limit divided by their number. */
  #isOverItsPart(slot: number): boolean {
    const { limits } = this.#plan.groups[this.#table.word(slot, GROUP_AND_FLAGS) & GROUP_MASK];
    for (let metric = 0; metric < METRIC_COUNT; metric++) {
      if (this.#rates[metric] * this.#plan.workers > limits[metric]) return true;
    }
    return false;
  }

  #readRates(slot: number): void {
    this.#longFlows.settle(slot);
    this.#window.ratesOf(this.#table, slot, this.#rates);
  }

  #append(slot: number): void {
    const { words } = this.#table.slabs[slot >> SLAB_SHIFT];
    const row = (slot & SLAB_MASK) * ROW_WORDS;
    const group = words[row + GROUP_AND_FLAGS] & GROUP_MASK;
    this.#writer.append(words[row], words[row + 1], words[row + 2], words[row + 3], group, this.#rates);
  }

  #setWatched(slot: number, watched: boolean): void {
    if (slot === NO_HOST) return;
    const flags = this.#table.word(slot, GROUP_AND_FLAGS);
    this.#table.setWord(slot, GROUP_AND_FLAGS, watched ? flags | WATCHED : flags & ~WATCHED);
  }
}
