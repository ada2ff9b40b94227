/*
 * Accounting: what a receiving thread knows of the protected hosts. It counts every flow into its host's window, and
 * several times a second reports the rates of those hosts that could be over a limit or are being watched. Judging is the
 * detector's, on the main thread, which sums the reports of all threads.
 *
 * One Accounting belongs to one thread and one FlowBatch. All times are clock milliseconds.
 */
import { type FlowBatch, NO_HOST } from '../flowBatch.ts';
import type { Address } from '../net/address.ts';
import { NO_MATCH, type PrefixTable } from '../net/prefixTable.ts';
import { METRIC_COUNT } from '../trafficMetrics.ts';
import { type EnginePlan, protectedTable } from './enginePlan.ts';
import { type FlowSlice, sliceOf } from './flowSlice.ts';
import { type HostReport, HostReportWriter } from './hostReport.ts';
import {
  BUCKETS,
  FIRST_BUCKET,
  FREE_ROW,
  GROUP_AND_FLAGS,
  GROUP_MASK,
  HOT_BUCKET,
  HostTable,
  LAST_BUCKET,
  LONG_ROW,
  ON_HOT_LIST,
  ROW_VALUES,
  ROW_WORDS,
  SLAB_MASK,
  SLAB_SHIFT,
  WATCHED,
} from './hostTable.ts';
import { HotHosts, SHARES_PER_GROUP } from './hotHosts.ts';
import { LONGEST_FLOW_MS, LongFlows } from './longFlows.ts';
import { RateWindow } from './rateWindow.ts';
import { type TopHostsQuery, TopHostsScan } from './topHosts.ts';
import { addTraffic, BYTES, FLOWS, kindsOf, PACKETS } from './trafficKinds.ts';
import { TrafficScan } from './trafficScan.ts';

/**
 * Rows of a report beyond which no host is named that is not watched. Hosts that the detector watches because of a report
 * count too, so that what it keeps is bounded however low the limits are; it allows 10,000 attacks at once.
 */
const REPORTED_HOSTS_LIMIT = 32_768;

/** Hot hosts whose rates are worked out in one tick; where limits are so low that there are more, they take turns. */
const HOT_HOSTS_PER_TICK = 32_768;

/** Hosts with long flows that are brought up to date in one tick, at least; all of them within ten ticks. */
const SETTLED_HOSTS_PER_TICK = 4096;

/** A host goes after this many buckets without a flow: two windows. With little room left, as soon as its window is empty. */
const IDLE_BUCKETS = 2 * BUCKETS;
const IDLE_BUCKETS_WHEN_CROWDED = BUCKETS;
const CROWDED = 0.9;

/** The table is swept for idle hosts in about this many ticks. */
const TICKS_PER_SWEEP = 100;

export interface AccountingCounters {
  readonly trackedHosts: number;
  /** Bytes of the host table. */
  readonly tableBytes: number;
  /** Flows to no protected host. */
  readonly unprotectedFlows: number;
  /** Flows to protected hosts that found the table full. */
  readonly untrackedFlows: number;
  readonly evictedHosts: number;
  /** Flows longer than the window that are being spread now. */
  readonly longFlows: number;
  /** Long flows that found their table full. */
  readonly longFlowOverflow: number;
  /** Hosts over a limit that did not fit into a report. */
  readonly unreportedHosts: number;
}

export class Accounting {
  readonly #batch: FlowBatch;
  readonly #table: HostTable;
  readonly #longFlows: LongFlows;
  readonly #hot: HotHosts;
  readonly #writer = new HostReportWriter();
  readonly #rates = new Float64Array(METRIC_COUNT);

  #plan: EnginePlan;
  #protected: PrefixTable;
  #window: RateWindow;
  #watched: readonly Address[] = [];

  #hotCursor = 0;
  #sweepCursor = 0;
  #unprotectedFlows = 0;
  #untrackedFlows = 0;
  #evictedHosts = 0;
  #longFlowOverflow = 0;
  #unreportedHosts = 0;

  constructor(plan: EnginePlan, batch: FlowBatch, now: number) {
    this.#plan = plan;
    this.#batch = batch;
    this.#protected = protectedTable(plan);
    this.#window = new RateWindow(plan.windowSeconds, now);
    this.#table = new HostTable(plan.hostLimit, plan.hashSeed);
    this.#longFlows = new LongFlows(this.#table, this.#window);
    this.#hot = new HotHosts(this.#table, plan);
  }

  counters(): AccountingCounters {
    return {
      trackedHosts: this.#table.count,
      tableBytes: this.#table.bytes,
      unprotectedFlows: this.#unprotectedFlows,
      untrackedFlows: this.#untrackedFlows,
      evictedHosts: this.#evictedHosts,
      longFlows: this.#longFlows.flowCount,
      longFlowOverflow: this.#longFlowOverflow,
      unreportedHosts: this.#unreportedHosts,
    };
  }

  /**
   * Counts the flows of the datagram in hand, rows [batch.start, batch.end), and stamps them with host and time.
   */
  accountBatch(now: number): void {
    this.#window.advance(now);
    this.#batch.receivedAtMs.fill(now, this.#batch.start, this.#batch.end);
    this.#table.guessDestinations(this.#batch, this.#window.position);
    this.#countFlows();
  }

  /** Rates of the watched hosts, all of them, and of the hosts that are over their part of a limit. */
  tick(now: number): HostReport {
    const window = this.#window;
    window.advance(now);
    this.#longFlows.expire();
    const settledHosts = Math.max(SETTLED_HOSTS_PER_TICK, Math.ceil(this.#longFlows.hostCount / 10));
    this.#longFlows.settleSome(settledHosts, (slot) => this.#judgeLongHost(slot));
    this.#writer.clear();
    for (const target of this.#watched) this.#reportWatched(target);
    this.#reportHot();
    this.#sweep();
    return this.#writer.report(window.now);
  }

  /** Replaces the set of hosts that every report names and that are not evicted. */
  watch(targets: readonly Address[]): void {
    for (const target of this.#watched) this.#setWatched(this.#find(target), false);
    this.#watched = targets;
    for (const target of targets) this.#setWatched(this.#find(target), true);
  }

  /** The flows of the last window to these hosts, as far as the ring still holds them; none where samples are off. */
  sample(targets: readonly Address[], now: number): FlowSlice {
    const targetOfSlot = new Map<number, number>();
    if (this.#plan.samples.enabled) {
      targets.forEach((target, i) => {
        const slot = this.#find(target);
        if (slot !== NO_HOST) targetOfSlot.set(slot, i);
      });
    }
    return sliceOf(this.#batch, targets, targetOfSlot, now - this.#plan.windowSeconds * 1000);
  }

  /** The hosts with most of a metric, largest first. Scans the table at once: a tenth of a second for a million hosts. */
  topHosts(query: TopHostsQuery, now: number): HostReport {
    const scan = this.beginTopHosts(query);
    this.stepTopHosts(scan, this.#table.usedSlots, now);
    return this.topHostsReport(scan, now);
  }

  /** The same in steps, between which datagrams can be received: step until the scan is done, then ask for the report. */
  beginTopHosts(query: TopHostsQuery): TopHostsScan {
    return new TopHostsScan(query, this.#table);
  }

  /** In steps, too: the traffic of `limit` hosts and of all groups. */
  beginTraffic(limit: number): TrafficScan {
    return new TrafficScan(limit, this.#plan.groups.length, this.#table);
  }

  /** Looks at so many more rows of the table. */
  stepTopHosts(scan: TopHostsScan, rows: number, now: number): void {
    this.#window.advance(now);
    scan.step(this.#window, rows);
  }

  topHostsReport(scan: TopHostsScan, now: number): HostReport {
    this.#window.advance(now);
    this.#writer.clear();
    for (const slot of scan.slots()) {
      this.#readRates(slot);
      this.#append(slot);
    }
    return this.#writer.report(this.#window.now);
  }

  /**
   * Goes over to another configuration. Hosts that are no longer protected are removed, the others belong to their new
   * groups; with another length of the window, their rates go on. One pass over the table.
   */
  reconfigure(plan: EnginePlan, now: number): void {
    this.#window.advance(now);
    this.#longFlows.settleSome(Number.POSITIVE_INFINITY, () => {});
    this.#plan = plan;
    this.#protected = protectedTable(plan);
    const isLeaving = (slot: number): boolean => this.#groupOfHost(slot) === NO_MATCH;
    this.#longFlows.drop(isLeaving);
    this.#hot.drop(isLeaving);
    for (let slot = 0; slot < this.#table.usedSlots; slot++) {
      if (!this.#table.isUsed(slot)) continue;
      const group = this.#groupOfHost(slot);
      if (group === NO_MATCH) this.#table.remove(slot);
      else this.#table.setWord(slot, GROUP_AND_FLAGS, (this.#table.word(slot, GROUP_AND_FLAGS) & ~GROUP_MASK) | group);
    }
    if (plan.windowSeconds !== this.#window.windowSeconds) this.#changeWindow(plan.windowSeconds);
    this.#hot.useLimits(plan);
    this.#hot.judgeAll(this.#window.bucket);
  }

  /** The clock was moved: times from now on are this much later. */
  clockStepped(deltaMs: number): void {
    this.#window.shift(deltaMs);
    this.#longFlows.shift(deltaMs);
    const { receivedAtMs } = this.#batch;
    for (let row = 0; row < receivedAtMs.length; row++) receivedAtMs[row] += deltaMs;
  }

  #countFlows(): void {
    const { sampledPackets, sampledBytes, samplingRate, durationMs } = this.#batch;
    const { ipProtocol, tcpFlags, fragment, dst0, dst1, dst2, dst3, hostSlot, start, end } = this.#batch;
    const table = this.#table;
    const slabs = table.slabs;
    const shares = this.#hot.shares;
    const window = this.#window;
    const bucket = window.bucket;
    const bucketAt = FIRST_BUCKET + window.position * METRIC_COUNT;
    const windowMs = window.windowSeconds * 1000;
    for (let i = start; i < end; i++) {
      let slot = hostSlot[i];
      if (slot === NO_HOST || !table.holds(slot, dst0[i] | 0, dst1[i] | 0, dst2[i] | 0, dst3[i] | 0)) {
        slot = this.#findOrAdmit(i);
        hostSlot[i] = slot;
        if (slot === NO_HOST) continue;
      }
      const { values, words } = slabs[slot >> SLAB_SHIFT];
      const row = slot & SLAB_MASK;
      const wordsAt = row * ROW_WORDS;
      if (words[wordsAt + LAST_BUCKET] !== bucket) window.roll(values, words, row);
      const kinds = kindsOf(ipProtocol[i], tcpFlags[i], fragment[i]);
      // A flow longer than the window counts now with no part of it, unless it cannot be spread.
      const scale = durationMs[i] > windowMs ? samplingRate[i] * this.#spread(i, slot, kinds) : samplingRate[i];
      const at = row * ROW_VALUES + bucketAt;
      addTraffic(values, at, sampledPackets[i] * scale, sampledBytes[i] * scale, kinds);
      values[at + FLOWS] += 1;
      const sharesAt = (words[wordsAt + GROUP_AND_FLAGS] & GROUP_MASK) * SHARES_PER_GROUP;
      if (
        (values[at + PACKETS] > shares[sharesAt] ||
          values[at + BYTES] > shares[sharesAt + 1] ||
          values[at + FLOWS] > shares[sharesAt + 2]) &&
        words[wordsAt + HOT_BUCKET] !== bucket
      ) {
        this.#hot.mark(slot, bucket);
      }
    }
  }

  /** Hands a flow on to be counted over time; answers which part of it is to be counted now. */
  #spread(i: number, slot: number, kinds: number): number {
    const { sampledPackets, sampledBytes, samplingRate, durationMs } = this.#batch;
    const spreadMs = Math.min(durationMs[i], LONGEST_FLOW_MS);
    // Of a flow that lasted longer than it is spread, only that part counts, so that its rate stays its mean rate.
    const scale = samplingRate[i] * (spreadMs / durationMs[i]);
    if (this.#longFlows.add(slot, sampledPackets[i] * scale, sampledBytes[i] * scale, kinds, spreadMs / 1000)) {
      this.#judgeLongHost(slot);
      return 0;
    }
    this.#longFlowOverflow++;
    return (1000 * this.#window.windowSeconds) / durationMs[i];
  }

  #judgeLongHost(slot: number): void {
    const bucketSeconds = this.#window.bucketMs / 1000;
    const morePackets = this.#longFlows.rateOf(slot, PACKETS) * bucketSeconds;
    const moreBytes = this.#longFlows.rateOf(slot, BYTES) * bucketSeconds;
    this.#hot.judge(slot, this.#window.bucket, morePackets, moreBytes);
  }

  /** The slot of a flow's destination; one that has none gets one if it is protected. */
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

  /** A watched host is in every report, with zeros where nothing is known of it. */
  #reportWatched(target: Address): void {
    const slot = this.#find(target);
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

  /** Goes through the hot list from its end, so that a host moved into the place of a dropped one was seen before. */
  #reportHot(): void {
    if (this.#hotCursor <= 0 || this.#hotCursor > this.#hot.count) this.#hotCursor = this.#hot.count;
    const stop = Math.max(0, this.#hotCursor - HOT_HOSTS_PER_TICK);
    while (this.#hotCursor > stop) {
      const place = --this.#hotCursor;
      if (!this.#hot.keepOrDrop(place, this.#window.bucket)) continue;
      const slot = this.#hot.slotAt(place);
      if ((this.#table.word(slot, GROUP_AND_FLAGS) & WATCHED) !== 0) continue;
      this.#readRates(slot);
      if (!this.#isOverItsPart(slot)) continue;
      if (this.#writer.count < REPORTED_HOSTS_LIMIT) this.#append(slot);
      else this.#unreportedHosts++;
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

  /** Evicts idle hosts from a slice of the table. */
  #sweep(): void {
    const table = this.#table;
    const crowded = table.count > CROWDED * table.limit;
    const idleBuckets = crowded ? IDLE_BUCKETS_WHEN_CROWDED : IDLE_BUCKETS;
    const rows = Math.ceil(table.usedSlots / TICKS_PER_SWEEP) * (crowded ? 4 : 1);
    for (let i = 0; i < rows; i++) {
      if (this.#sweepCursor >= table.usedSlots) this.#sweepCursor = 0;
      const slot = this.#sweepCursor++;
      const flags = table.word(slot, GROUP_AND_FLAGS);
      if (flags === FREE_ROW || (flags & (WATCHED | ON_HOT_LIST)) !== 0) continue;
      if (table.word(slot, LONG_ROW) !== 0 || table.word(slot, LAST_BUCKET) + idleBuckets > this.#window.bucket)
        continue;
      table.remove(slot);
      this.#evictedHosts++;
    }
  }

  /** Fills the buckets of the new length so that every host keeps the rates it has. */
  #changeWindow(windowSeconds: number): void {
    const window = new RateWindow(windowSeconds, this.#window.now);
    const table = this.#table;
    for (let slot = 0; slot < table.usedSlots; slot++) {
      if (!table.isUsed(slot)) continue;
      this.#window.ratesOf(table, slot, this.#rates);
      window.fill(table, slot, this.#rates);
      table.setWord(slot, HOT_BUCKET, window.bucket);
    }
    this.#window = window;
    this.#longFlows.useWindow(window);
  }

  #find(target: Address): number {
    return this.#table.find(target.word0, target.word1, target.word2, target.word3);
  }

  #groupOfHost(slot: number): number {
    const { words } = this.#table.slabs[slot >> SLAB_SHIFT];
    const row = (slot & SLAB_MASK) * ROW_WORDS;
    return this.#protected.lookup(words[row] >>> 0, words[row + 1] >>> 0, words[row + 2] >>> 0, words[row + 3] >>> 0);
  }

  #setWatched(slot: number, watched: boolean): void {
    if (slot === NO_HOST) return;
    const flags = this.#table.word(slot, GROUP_AND_FLAGS);
    this.#table.setWord(slot, GROUP_AND_FLAGS, watched ? flags | WATCHED : flags & ~WATCHED);
  }
}
