/*
 * Accounting: what a receiving thread knows of the protected hosts. It counts every flow into its host's window.
 * Many times a second it reports the rates of the hosts that could be over a limit or are watched. The detector, on
 * the main thread, adds the reports of all threads and judges them.
 *
 * One Accounting belongs to one thread and one FlowBatch. All times are clock milliseconds.
 */
import { type FlowBatch, NO_HOST } from '../flowBatch.ts';
import type { Address } from '../net/address.ts';
import { NO_MATCH, type PrefixTable } from '../net/prefixTable.ts';
import { METRIC_COUNT } from '../trafficMetrics.ts';
import { CandidateHosts } from './candidateHosts.ts';
import { type EnginePlan, protectedTable } from './enginePlan.ts';
import { destinationFinder, flowCounter } from './flowCounter.ts';
import { FlowPlacing } from './flowPlacing.ts';
import { type FlowSlice, sliceOf } from './flowSlice.ts';
import { HostEviction } from './hostEviction.ts';
import type { HostReport } from './hostReport.ts';
import { HostReporter } from './hostReporter.ts';
import { type HostSample, SAMPLED_HOSTS } from './hostSample.ts';
import { GROUP_AND_FLAGS, GROUP_MASK, HostTable, ROW_WORDS } from './hostTable.ts';
import { HostTraffic } from './hostTraffic.ts';
import { LastingFlows } from './lastingFlows.ts';
import { RateWindow } from './rateWindow.ts';
import { type TopHostsQuery, TopHostsScan, TrafficScan } from './topHosts.ts';
import { TrafficHistory } from './trafficHistory.ts';

export interface AccountingCounters {
  readonly trackedHosts: number;
  /** Bytes of the host table and of the histories. */
  readonly tableBytes: number;
  /** Flows to no protected host. */
  readonly unprotectedFlows: number;
  /** Flows to protected hosts that found the table full of busier hosts. */
  readonly untrackedFlows: number;
  /** Hosts evicted because they had no traffic. */
  readonly evictedHosts: number;
  /** Hosts of a full table displaced by new ones. */
  readonly displacedHosts: number;
  /** Lasting flows that are carried forward now. */
  readonly lastingFlows: number;
  /** Lasting flows that found their table full. */
  readonly lastingFlowOverflow: number;
  /** Hosts that could be over a limit and found no room for a history. */
  readonly hostsWithoutHistory: number;
  /** Hosts over a limit that did not fit into a report. */
  readonly unreportedHosts: number;
}

export class Accounting {
  readonly #batch: FlowBatch;
  readonly #table: HostTable;
  readonly #lasting: LastingFlows;
  readonly #history: TrafficHistory;
  readonly #candidates: CandidateHosts;
  readonly #traffic: HostTraffic;
  readonly #eviction: HostEviction;
  readonly #reporter: HostReporter;
  readonly #placing: FlowPlacing;
  readonly #findDestinations: () => void;
  readonly #countFlows: (window: RateWindow) => void;

  #plan: EnginePlan;
  #protected: PrefixTable;
  #window: RateWindow;

  #unprotectedFlows = 0;
  #untrackedFlows = 0;

  constructor(plan: EnginePlan, batch: FlowBatch, now: number) {
    this.#plan = plan;
    this.#batch = batch;
    this.#protected = protectedTable(plan);
    this.#window = new RateWindow(plan.windowSeconds, now);
    this.#table = new HostTable(plan.hostLimit, plan.hashSeed, plan.hostCapacity);
    this.#lasting = new LastingFlows(this.#table, this.#window, plan.hashSeed);
    this.#history = new TrafficHistory(this.#window);
    this.#candidates = new CandidateHosts(this.#table, this.#history, this.#window, plan);
    this.#traffic = new HostTraffic(this.#table, this.#lasting, this.#history, this.#candidates, this.#window);
    this.#eviction = new HostEviction(this.#table, this.#traffic, this.#candidates, this.#window);
    this.#reporter = new HostReporter(this.#table, this.#traffic, this.#candidates);
    this.#reporter.use(plan, this.#protected, this.#window);
    this.#placing = new FlowPlacing(batch, this.#table, this.#lasting, this.#history, this.#candidates, this.#window);
    this.#findDestinations = destinationFinder(batch, this.#table);
    const admit = (row: number): number => this.#findOrAdmit(row);
    this.#countFlows = flowCounter(batch, this.#table, this.#candidates, this.#placing, admit);
  }

  /** The protected networks. A reload replaces the table. */
  get networks(): PrefixTable {
    return this.#protected;
  }

  counters(): AccountingCounters {
    return {
      trackedHosts: this.#table.count,
      tableBytes: this.#table.bytes + this.#history.bytes,
      unprotectedFlows: this.#unprotectedFlows,
      untrackedFlows: this.#untrackedFlows,
      evictedHosts: this.#eviction.idleHosts,
      displacedHosts: this.#eviction.displacedHosts,
      lastingFlows: this.#lasting.flowCount,
      lastingFlowOverflow: this.#lasting.overflow,
      hostsWithoutHistory: this.#candidates.withoutHistory,
      unreportedHosts: this.#reporter.unreportedHosts,
    };
  }

  /** The hosts of this thread's table with the smallest hashes. */
  hostSample(): HostSample {
    return this.#table.sample(SAMPLED_HOSTS);
  }

  /**
   * Counts the flows in rows [batch.start, batch.end), and writes the host and the time of receipt into these rows.
   */
  accountBatch(now: number): void {
    this.#window.advance(now);
    this.#eviction.makeRoom(this.#batch.end - this.#batch.start);
    this.#findDestinations();
    this.#countFlows(this.#window);
  }

  /** Replaces the set of hosts that every report names and that are not evicted. */
  watch(targets: readonly Address[]): void {
    this.#reporter.watch(targets);
  }

  /** Rates of all watched hosts, and of the hosts that are over their part of a limit. */
  tick(now: number): HostReport {
    this.#window.advance(now);
    this.#lasting.expire();
    const report = this.#reporter.report();
    this.#eviction.sweep();
    return report;
  }

  /** The flows of the last window to these hosts that are still in the ring; none where samples are off. */
  sample(targets: readonly Address[], now: number): FlowSlice {
    const targetOfSlot = new Map<number, number>();
    if (this.#plan.samples.enabled) {
      targets.forEach((target, i) => {
        const slot = this.#table.findAddress(target);
        if (slot !== NO_HOST) targetOfSlot.set(slot, i);
      });
    }
    return sliceOf(this.#batch, targets, targetOfSlot, now - this.#plan.windowSeconds * 1000);
  }

  /**
   * The hosts with most of a metric, largest first. Scans the table at once: a tenth of a second for a million hosts.
   */
  topHosts(query: TopHostsQuery, now: number): HostReport {
    const scan = this.beginTopHosts(query);
    this.stepTopHosts(scan, this.#table.usedSlots, now);
    return this.topHostsReport(scan, now);
  }

  /** The same in steps, between which datagrams can be received: step until the scan is done, then get the report. */
  beginTopHosts(query: TopHostsQuery): TopHostsScan {
    return new TopHostsScan(query, this.#table);
  }

  /** The traffic of `limit` hosts and of all groups, also in steps. */
  beginTraffic(limit: number): TrafficScan {
    return new TrafficScan(limit, this.#plan.groups.length, this.#table);
  }

  /** Scans the next `rows` rows of the table. */
  stepTopHosts(scan: TopHostsScan, rows: number, now: number): void {
    this.#window.advance(now);
    scan.step(this.#traffic, rows);
  }

  topHostsReport(scan: TopHostsScan, now: number): HostReport {
    this.#window.advance(now);
    return this.#reporter.reportSlots(scan.slots());
  }

  /**
   * Takes another configuration. Hosts that are no longer protected are removed; the others get their new groups. Where
   * the length of the window changes, hosts keep their rates. One pass over the table.
   */
  reconfigure(plan: EnginePlan, now: number): void {
    this.#window.advance(now);
    this.#plan = plan;
    this.#protected = protectedTable(plan);
    const isLeaving = (slot: number): boolean => this.#groupOfHost(slot) === NO_MATCH;
    this.#lasting.drop(isLeaving);
    this.#candidates.drop(isLeaving);
    for (let slot = 0; slot < this.#table.usedSlots; slot++) {
      if (!this.#table.isUsed(slot)) continue;
      const group = this.#groupOfHost(slot);
      if (group === NO_MATCH) this.#table.remove(slot);
      else this.#table.setWord(slot, GROUP_AND_FLAGS, (this.#table.word(slot, GROUP_AND_FLAGS) & ~GROUP_MASK) | group);
    }
    if (plan.windowSeconds !== this.#window.windowSeconds) this.#changeWindow(plan.windowSeconds);
    this.#reporter.use(plan, this.#protected, this.#window);
    this.#candidates.useLimits(plan);
    this.#candidates.judgeAll();
    this.#table.limit = Math.min(plan.hostLimit, this.#table.capacity);
    this.#eviction.shrink();
  }

  /** The slot of a flow's destination. A protected destination without one is added. */
  #findOrAdmit(i: number): number {
    const { dst0, dst1, dst2, dst3 } = this.#batch;
    const known = this.#table.find(dst0[i], dst1[i], dst2[i], dst3[i]);
    if (known !== NO_HOST) return known;
    const group = this.#protected.lookup(dst0[i], dst1[i], dst2[i], dst3[i]);
    if (group === NO_MATCH) {
      this.#unprotectedFlows++;
      return NO_HOST;
    }
    const slot = this.#table.add(dst0[i], dst1[i], dst2[i], dst3[i], group);
    if (slot === NO_HOST) this.#untrackedFlows++;
    return slot;
  }

  /** Fills the buckets of the new length so that every host keeps the rates that it was told of. */
  #changeWindow(windowSeconds: number): void {
    const window = new RateWindow(windowSeconds, this.#window.now);
    const table = this.#table;
    const rates = new Float64Array(METRIC_COUNT);
    for (let slot = 0; slot < table.usedSlots; slot++) {
      if (!table.isUsed(slot)) continue;
      this.#traffic.countedRatesOf(slot, rates);
      window.fill(table, slot, rates);
    }
    this.#window = window;
    this.#candidates.useWindow(window);
    this.#lasting.useWindow(window);
    this.#history.useWindow(window);
    this.#traffic.useWindow(window);
    this.#eviction.useWindow(window);
    this.#placing.useWindow(window);
  }

  #groupOfHost(slot: number): number {
    const { words } = this.#table;
    const row = slot * ROW_WORDS;
    return this.#protected.lookup(words[row] >>> 0, words[row + 1] >>> 0, words[row + 2] >>> 0, words[row + 3] >>> 0);
  }
}
