/*
 * Accounting: what a receiving thread knows of the protected hosts. It counts every flow into its host's window.
 * Several times a second it reports the rates of the hosts that could be over a limit or are watched. The detector, on
 * the main thread, adds the reports of all threads and judges them.
 *
 * One Accounting belongs to one thread and one FlowBatch. All times are clock milliseconds.
 */
import { type FlowBatch, NO_HOST } from '../flowBatch.ts';
import type { Address } from '../net/address.ts';
import { NO_MATCH, type PrefixTable } from '../net/prefixTable.ts';
import { METRIC_COUNT } from '../trafficMetrics.ts';
import { CandidateHosts, NO_HISTORY, SHARES_PER_GROUP } from './candidateHosts.ts';
import { type EnginePlan, protectedTable } from './enginePlan.ts';
import { type FlowSlice, sliceOf } from './flowSlice.ts';
import type { HostReport } from './hostReport.ts';
import { HostReporter } from './hostReporter.ts';
import {
  BUCKETS,
  CANDIDATE_PLACE,
  FREE_ROW,
  GROUP_AND_FLAGS,
  GROUP_MASK,
  HostTable,
  IN_PROGRESS,
  LAST_BUCKET,
  LASTING_ROW,
  LATE_DELAYS,
  LATE_PACKETS,
  ROW_VALUES,
  ROW_WORDS,
  SLAB_MASK,
  SLAB_SHIFT,
  WATCHED,
} from './hostTable.ts';
import { HostTraffic } from './hostTraffic.ts';
import { LastingFlows } from './lastingFlows.ts';
import { RateWindow } from './rateWindow.ts';
import { type TopHostsQuery, TopHostsScan, TrafficScan } from './topHosts.ts';
import { addSampled, BYTES, FLOWS, kindsOf, PACKETS } from './trafficCounters.ts';
import { LATEST_BUCKETS, TrafficHistory } from './trafficHistory.ts';

/** A host is evicted after this many buckets without a flow; in a crowded table, as soon as its window is empty. */
const IDLE_BUCKETS = 2 * BUCKETS;
const IDLE_BUCKETS_WHEN_CROWDED = BUCKETS;
const CROWDED = 0.9;

/** Packets that are reported later than this part of a bucket belong elsewhere. */
const LATE_AFTER = 0.25;

/** The table is swept for idle hosts in about this many ticks. */
const TICKS_PER_SWEEP = 100;

export interface AccountingCounters {
  readonly trackedHosts: number;
  /** Bytes of the host table and of the histories. */
  readonly tableBytes: number;
  /** Flows to no protected host. */
  readonly unprotectedFlows: number;
  /** Flows to protected hosts that found the table full. */
  readonly untrackedFlows: number;
  readonly evictedHosts: number;
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
  readonly #reporter: HostReporter;

  #plan: EnginePlan;
  #protected: PrefixTable;
  #window: RateWindow;

  #sweepCursor = 0;
  #unprotectedFlows = 0;
  #untrackedFlows = 0;
  #evictedHosts = 0;

  constructor(plan: EnginePlan, batch: FlowBatch, now: number) {
    this.#plan = plan;
    this.#batch = batch;
    this.#protected = protectedTable(plan);
    this.#window = new RateWindow(plan.windowSeconds, now);
    this.#table = new HostTable(plan.hostLimit, plan.hashSeed);
    this.#lasting = new LastingFlows(this.#table, this.#window, plan.hashSeed);
    this.#history = new TrafficHistory(this.#window);
    this.#candidates = new CandidateHosts(this.#table, this.#history, this.#window, plan);
    this.#traffic = new HostTraffic(this.#table, this.#lasting, this.#history, this.#candidates, this.#window);
    this.#reporter = new HostReporter(this.#table, this.#traffic, this.#candidates);
    this.#reporter.use(plan, this.#protected, this.#window);
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
      evictedHosts: this.#evictedHosts,
      lastingFlows: this.#lasting.flowCount,
      lastingFlowOverflow: this.#lasting.overflow,
      hostsWithoutHistory: this.#candidates.withoutHistory,
      unreportedHosts: this.#reporter.unreportedHosts,
    };
  }

  /**
   * Counts the flows in rows [batch.start, batch.end), and writes the host and the time of receipt into these rows.
   */
  accountBatch(now: number): void {
    this.#window.advance(now);
    this.#table.findDestinations(this.#batch);
    this.#countFlows();
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
    this.#sweep();
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
  }

  #countFlows(): void {
    const { sampledPackets, sampledBytes, samplingRate, durationMs, endAgoMs } = this.#batch;
    const { ipProtocol, tcpFlags, fragment, hostSlot, receivedAtMs, start, end } = this.#batch;
    const { slabs } = this.#table;
    const { shares } = this.#candidates;
    const window = this.#window;
    const { now, bucket } = window;
    const elapsedMs = now - window.bucketStartMs;
    const lateMs = window.bucketMs * LATE_AFTER;
    const windowMs = window.windowSeconds * 1000;
    for (let i = start; i < end; i++) {
      receivedAtMs[i] = now;
      let slot = hostSlot[i];
      if (slot === NO_HOST) {
        slot = this.#findOrAdmit(i);
        hostSlot[i] = slot;
        if (slot === NO_HOST) continue;
      }
      const { values, words } = slabs[slot >> SLAB_SHIFT];
      const row = slot & SLAB_MASK;
      const wordsAt = row * ROW_WORDS;
      if (words[wordsAt + LAST_BUCKET] !== bucket) this.#roll(slot);
      const kinds = kindsOf(ipProtocol[i], tcpFlags[i], fragment[i]);
      const rate = samplingRate[i];
      const packets = sampledPackets[i] * rate;
      const bytes = sampledBytes[i] * rate;
      // Also a short record may be the last one of a flow that is carried forward.
      if (durationMs[i] > windowMs || words[wordsAt + LASTING_ROW] !== 0) {
        this.#countLasting(i, slot, kinds, packets, bytes);
        continue;
      }
      const endAgo = endAgoMs[i];
      if (endAgo > lateMs) this.#noteLate(i, slot, packets);
      const isCandidate = words[wordsAt + CANDIDATE_PLACE] !== 0;
      // Most records are of packets that just passed.
      if (
        isCandidate &&
        endAgo + durationMs[i] > elapsedMs &&
        this.#place(i, slot, durationMs[i], kinds, packets, bytes)
      )
        continue;
      const at = row * ROW_VALUES + IN_PROGRESS;
      values[at + FLOWS] += 1;
      addSampled(values, at, packets, bytes, kinds, rate);
      if (isCandidate) continue;
      const sharesAt = (words[wordsAt + GROUP_AND_FLAGS] & GROUP_MASK) * SHARES_PER_GROUP;
      if (
        values[at + PACKETS] > shares[sharesAt] ||
        values[at + BYTES] > shares[sharesAt + 1] ||
        values[at + FLOWS] > shares[sharesAt + 2]
      )
        this.#candidates.admit(slot);
    }
  }

  /** Begins a bucket of a host. The one before goes to its history too, if it has one. */
  #roll(slot: number): void {
    const slab = this.#table.slabs[slot >> SLAB_SHIFT];
    const row = slot & SLAB_MASK;
    const history = this.#candidates.historyOf(slot);
    if (history !== NO_HISTORY) {
      const last = slab.words[row * ROW_WORDS + LAST_BUCKET];
      this.#history.addBucket(history, last, slab.values, row * ROW_VALUES + IN_PROGRESS);
    }
    this.#window.roll(slab, row);
  }

  /** Places a record in the history of a host, over the period that it covers. False where it has none. */
  #place(i: number, slot: number, periodMs: number, kinds: number, packets: number, bytes: number): boolean {
    const history = this.#candidates.historyOf(slot);
    if (history === NO_HISTORY) return false;
    const { now, bucketMs } = this.#window;
    const placing = this.#history;
    placing.untilMs = now - Math.min(this.#batch.endAgoOf(i), LATEST_BUCKETS * bucketMs);
    placing.fromMs = placing.untilMs - periodMs;
    placing.place(history, packets, bytes, kinds, this.#batch.samplingRate[i]);
    return true;
  }

  /**
   * Counts a record of a flow that lasts longer than the window, or to a host that has such flows: its period is not
   * what its times say.
   */
  #countLasting(i: number, slot: number, kinds: number, packets: number, bytes: number): void {
    const window = this.#window;
    const endAgoMs = this.#batch.endAgoOf(i);
    const endMs = window.now - endAgoMs;
    this.#lasting.follow(this.#batch, i, slot, kinds, packets, bytes);
    const { periodFromMs } = this.#lasting;
    const periodMs = endMs - periodFromMs;
    // What its rate brings in one bucket, or all of a short record.
    const part = periodMs > window.bucketMs ? window.bucketMs / periodMs : 1;
    this.#judgeLasting(slot, packets * part, bytes * part);
    if (this.#place(i, slot, periodMs, kinds, packets, bytes)) {
      if (endAgoMs > window.bucketMs * LATE_AFTER) this.#noteLate(i, slot, packets);
      return;
    }
    const slab = this.#table.slabs[slot >> SLAB_SHIFT];
    const row = slot & SLAB_MASK;
    const rate = this.#batch.samplingRate[i];
    const at = row * ROW_VALUES + IN_PROGRESS;
    slab.values[at + FLOWS] += 1;
    if (window.place(slab, row, periodFromMs, endMs, packets, bytes, kinds, rate)) return;
    addSampled(slab.values, at, packets * part, bytes * part, kinds, rate);
    this.#noteLate(i, slot, packets * part);
  }

  /** Notes packets that were reported long after they passed, and that a history has where they passed, or the bucket in progress. */
  #noteLate(i: number, slot: number, packets: number): void {
    const { floats } = this.#table.slabs[slot >> SLAB_SHIFT];
    const row = (slot & SLAB_MASK) * ROW_WORDS;
    const delayMs = Math.min(this.#batch.endAgoOf(i), LATEST_BUCKETS * this.#window.bucketMs);
    floats[row + LATE_PACKETS] += packets;
    floats[row + LATE_DELAYS] += packets * delayMs;
  }

  /** Makes a candidate of a host that is over its part of a share with these packets and bytes in this bucket. */
  #judgeLasting(slot: number, packets: number, bytes: number): void {
    const { values, words } = this.#table.slabs[slot >> SLAB_SHIFT];
    const row = slot & SLAB_MASK;
    const at = row * ROW_VALUES + IN_PROGRESS;
    const sharesAt = (words[row * ROW_WORDS + GROUP_AND_FLAGS] & GROUP_MASK) * SHARES_PER_GROUP;
    const { shares } = this.#candidates;
    const bucketSeconds = this.#window.bucketMs / 1000;
    const allPackets = values[at + PACKETS] + packets + this.#lasting.packetsPerSecond(slot) * bucketSeconds;
    const allBytes = values[at + BYTES] + bytes + this.#lasting.bytesPerSecond(slot) * bucketSeconds;
    if (allPackets > shares[sharesAt] || allBytes > shares[sharesAt + 1] || values[at + FLOWS] > shares[sharesAt + 2])
      this.#candidates.admit(slot);
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

  /** Evicts idle hosts from one part of the table. */
  #sweep(): void {
    const table = this.#table;
    const crowded = table.count > CROWDED * table.limit;
    const idleBuckets = crowded ? IDLE_BUCKETS_WHEN_CROWDED : IDLE_BUCKETS;
    const rows = Math.ceil(table.usedSlots / TICKS_PER_SWEEP) * (crowded ? 4 : 1);
    for (let i = 0; i < rows; i++) {
      if (this.#sweepCursor >= table.usedSlots) this.#sweepCursor = 0;
      const slot = this.#sweepCursor++;
      const flags = table.word(slot, GROUP_AND_FLAGS);
      if (flags === FREE_ROW || (flags & WATCHED) !== 0) continue;
      if (table.word(slot, CANDIDATE_PLACE) !== 0 || table.word(slot, LASTING_ROW) !== 0) continue;
      if (table.word(slot, LAST_BUCKET) + idleBuckets > this.#window.bucket) continue;
      table.remove(slot);
      this.#evictedHosts++;
    }
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
  }

  #groupOfHost(slot: number): number {
    const { words } = this.#table.slabs[slot >> SLAB_SHIFT];
    const row = (slot & SLAB_MASK) * ROW_WORDS;
    return this.#protected.lookup(words[row] >>> 0, words[row + 1] >>> 0, words[row + 2] >>> 0, words[row + 3] >>> 0);
  }
}
