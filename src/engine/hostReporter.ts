/*
 * The reports of a receiving thread: the rates and the series of the watched hosts, and of the candidates that are over
 * their part of a limit. The reports of all threads are added and judged by the detector, on the main thread.
 */
import { NO_HOST } from '../flowBatch.ts';
import type { Address } from '../net/address.ts';
import { NO_MATCH, type PrefixTable } from '../net/prefixTable.ts';
import { METRIC_COUNT, RATE_PER_COUNT } from '../trafficMetrics.ts';
import type { CandidateHosts } from './candidateHosts.ts';
import { type EnginePlan, seriesColumns } from './enginePlan.ts';
import { type HostReport, HostReportWriter, IS_OVER_ITS_PART, IS_TOLD_LATE } from './hostReport.ts';
import { GROUP_AND_FLAGS, GROUP_MASK, type HostTable, ROW_WORDS, WATCHED } from './hostTable.ts';
import type { HostTraffic } from './hostTraffic.ts';
import { latestOver, NO_WINDOW } from './rateSeries.ts';
import type { RateWindow } from './rateWindow.ts';

/**
 * In a report with this many rows, no more hosts are added that are not watched. Hosts that the detector watches
 * because of a report count too, so that its memory is bounded even with very low limits. It allows 10,000 attacks at
 * once.
 */
const REPORTED_HOSTS_LIMIT = 16_384;

/** Candidate hosts that are looked at in one tick, 2 µs each. Where low limits make more candidates, they take turns. */
const CANDIDATES_PER_TICK = 8192;

export class HostReporter {
  /** Hosts over their part of a limit that did not fit into a report, since start. */
  unreportedHosts = 0;
  readonly #table: HostTable;
  readonly #traffic: HostTraffic;
  readonly #candidates: CandidateHosts;
  readonly #writer = new HostReportWriter();
  readonly #rates = new Float64Array(METRIC_COUNT);
  readonly #variances = new Float64Array(2);
  #plan!: EnginePlan;
  #protected!: PrefixTable;
  #window!: RateWindow;
  #watched: readonly Address[] = [];
  #candidateCursor = 0;
  #columns: readonly number[] = [];
  /** Of the host that was read last: `IS_TOLD_LATE` or 0. */
  #lateFlag = 0;

  constructor(table: HostTable, traffic: HostTraffic, candidates: CandidateHosts) {
    this.#table = table;
    this.#traffic = traffic;
    this.#candidates = candidates;
  }

  /** Before the first report and after each change of the configuration. */
  use(plan: EnginePlan, protectedPrefixes: PrefixTable, window: RateWindow): void {
    this.#plan = plan;
    this.#protected = protectedPrefixes;
    this.#window = window;
    this.#columns = seriesColumns(plan);
  }

  /** Replaces the set of hosts that every report names and that are not evicted. */
  watch(targets: readonly Address[]): void {
    for (const target of this.#watched) this.#setWatched(this.#table.findAddress(target), false);
    this.#watched = targets;
    for (const target of targets) this.#setWatched(this.#table.findAddress(target), true);
  }

  /** The current rates and series of the watched hosts and of the candidates over their part of a limit. */
  report(): HostReport {
    this.#writer.clear(this.#columns);
    for (const target of this.#watched) this.#reportWatched(target);
    this.#reportCandidates();
    return this.#writer.report(this.#window.now, this.#window.bucketStartMs);
  }

  /** The current rates of the hosts in these slots. */
  reportSlots(slots: readonly number[]): HostReport {
    this.#writer.clear([]);
    for (const slot of slots) {
      this.#read(slot);
      this.#append(slot, 0);
    }
    return this.#writer.report(this.#window.now, this.#window.bucketStartMs);
  }

  /** A watched host is in every report, with zeros where it has no row. */
  #reportWatched(target: Address): void {
    const slot = this.#table.findAddress(target);
    if (slot !== NO_HOST) {
      this.#setWatched(slot, true);
      this.#candidates.admit(slot);
      this.#read(slot);
      this.#append(slot, this.#isOverItsPart(slot) ? IS_OVER_ITS_PART : 0);
      return;
    }
    const group = this.#protected.lookupAddress(target);
    if (group === NO_MATCH) return;
    this.#rates.fill(0);
    this.#variances.fill(0);
    this.#traffic.series.fill(0);
    const { word0, word1, word2, word3 } = target;
    this.#writer.append(word0, word1, word2, word3, group, 0, this.#rates, this.#variances, this.#traffic.series);
  }

  /** Goes backwards through the candidates, so that a host that moves into a dropped one's place was already judged. */
  #reportCandidates(): void {
    if (this.#candidateCursor <= 0 || this.#candidateCursor > this.#candidates.count)
      this.#candidateCursor = this.#candidates.count;
    const stop = Math.max(0, this.#candidateCursor - CANDIDATES_PER_TICK);
    while (this.#candidateCursor > stop) {
      const place = --this.#candidateCursor;
      const slot = this.#candidates.slotAt(place);
      if ((this.#table.word(slot, GROUP_AND_FLAGS) & WATCHED) !== 0) continue;
      this.#read(slot);
      if (this.#isOverItsPart(slot)) {
        if (this.#writer.count < REPORTED_HOSTS_LIMIT) this.#append(slot, IS_OVER_ITS_PART);
        else this.unreportedHosts++;
      } else {
        this.#candidates.dropIfQuiet(place, this.#traffic.series);
      }
    }
  }

  /** If a sum over all threads is over a limit, then that of one thread is over the limit divided by their number. */
  #isOverItsPart(slot: number): boolean {
    const { limits } = this.#plan.groups[this.#table.word(slot, GROUP_AND_FLAGS) & GROUP_MASK];
    const { elapsed, series } = this.#traffic;
    for (let metric = 0; metric < METRIC_COUNT; metric++) {
      if (limits[metric] === Number.POSITIVE_INFINITY) continue;
      const most = (limits[metric] * this.#window.windowSeconds) / (RATE_PER_COUNT[metric] * this.#plan.workers);
      if (latestOver(series, metric, most, elapsed) !== NO_WINDOW) return true;
    }
    return false;
  }

  /** Reads the series of a host, and its rates as far behind as its traffic is reported. */
  #read(slot: number): void {
    const lag = this.#traffic.lagOf(slot);
    this.#lateFlag = lag > 0 ? IS_TOLD_LATE : 0;
    this.#traffic.readSeries(slot);
    this.#traffic.ratesAt(lag, this.#rates, this.#variances);
  }

  #append(slot: number, flags: number): void {
    const { words } = this.#table;
    const row = slot * ROW_WORDS;
    const group = words[row + GROUP_AND_FLAGS] & GROUP_MASK;
    const [word0, word1, word2, word3] = [words[row], words[row + 1], words[row + 2], words[row + 3]];
    const allFlags = flags | this.#lateFlag;
    const { series } = this.#traffic;
    this.#writer.append(word0, word1, word2, word3, group, allFlags, this.#rates, this.#variances, series);
  }

  #setWatched(slot: number, watched: boolean): void {
    if (slot === NO_HOST) return;
    const flags = this.#table.word(slot, GROUP_AND_FLAGS);
    this.#table.setWord(slot, GROUP_AND_FLAGS, watched ? flags | WATCHED : flags & ~WATCHED);
  }
}
