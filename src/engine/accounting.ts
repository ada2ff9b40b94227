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
import { CandidateHosts, SHARES_PER_GROUP } from './candidateHosts.ts';
import { type EnginePlan, protectedTable } from './enginePlan.ts';
import { type FlowSlice, sliceOf } from './flowSlice.ts';
import type { HostReport } from './hostReport.ts';
import { HostReporter } from './hostReporter.ts';
import {
  BUCKETS,
  CANDIDATE_BUCKET,
  FIRST_BUCKET,
  FREE_ROW,
  GROUP_AND_FLAGS,
  GROUP_MASK,
  HostTable,
  IS_CANDIDATE,
  LAST_BUCKET,
  LONG_ROW,
  ROW_VALUES,
  ROW_WORDS,
  SLAB_MASK,
  SLAB_SHIFT,
  WATCHED,
} from './hostTable.ts';
import { LONGEST_FLOW_MS, LongFlows } from './longFlows.ts';
import { RateWindow } from './rateWindow.ts';
import { type TopHostsQuery, TopHostsScan, TrafficScan } from './topHosts.ts';
import { addTraffic, BYTES, FLOWS, kindsOf, PACKETS } from './trafficKinds.ts';

/** At least this many hosts with long flows are brought up to date in a tick; all of them within ten ticks. */
const SETTLED_HOSTS_PER_TICK = 4096;

/** A host is evicted after this many buckets without a flow; in a crowded table, as soon as its window is empty. */
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
  readonly #candidates: CandidateHosts;
  readonly #reporter: HostReporter;

  #plan: EnginePlan;
  #protected: PrefixTable;
  #window: RateWindow;

  #sweepCursor = 0;
  #unprotectedFlows = 0;
  #untrackedFlows = 0;
  #evictedHosts = 0;
  #longFlowOverflow = 0;

  constructor(plan: EnginePlan, batch: FlowBatch, now: number) {
    this.#plan = plan;
    this.#batch = batch;
    this.#protected = protectedTable(plan);
    this.#window = new RateWindow(plan.windowSeconds, now);
    this.#table = new HostTable(plan.hostLimit, plan.hashSeed);
    this.#longFlows = new LongFlows(this.#table, this.#window);
    this.#candidates = new CandidateHosts(this.#table, plan);
    this.#reporter = new HostReporter(this.#table, this.#longFlows, this.#candidates);
    this.#reporter.use(plan, this.#protected, this.#window);
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
      unreportedHosts: this.#reporter.unreportedHosts,
    };
  }

  /**
   * Counts the flows in rows [batch.start, batch.end), and writes the host and the time of receipt into these rows.
   */
  accountBatch(now: number): void {
    this.#window.advance(now);
    this.#batch.receivedAtMs.fill(now, this.#batch.start, this.#batch.end);
    this.#table.guessDestinations(this.#batch, this.#window.position);
    this.#countFlows();
  }

  /** Replaces the set of hosts that every report names and that are not evicted. */
  watch(targets: readonly Address[]): void {
    this.#reporter.watch(targets);
  }

  /** Rates of all watched hosts, and of the hosts that are over their part of a limit. */
  tick(now: number): HostReport {
    this.#window.advance(now);
    this.#longFlows.expire();
    const settledHosts = Math.max(SETTLED_HOSTS_PER_TICK, Math.ceil(this.#longFlows.hostCount / 10));
    this.#longFlows.settleSome(settledHosts, (slot) => this.#judgeLongHost(slot));
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
    scan.step(this.#window, rows);
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
    this.#longFlows.settleSome(Number.POSITIVE_INFINITY, () => {});
    this.#plan = plan;
    this.#protected = protectedTable(plan);
    const isLeaving = (slot: number): boolean => this.#groupOfHost(slot) === NO_MATCH;
    this.#longFlows.drop(isLeaving);
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
    this.#candidates.judgeAll(this.#window.bucket);
  }

  /** The clock was set forward by this much; stored times move with it. */
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
    const shares = this.#candidates.shares;
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
      // A flow longer than the window is not counted now, unless it cannot be spread over time.
      const scale = durationMs[i] > windowMs ? samplingRate[i] * this.#spread(i, slot, kinds) : samplingRate[i];
      const at = row * ROW_VALUES + bucketAt;
      addTraffic(values, at, sampledPackets[i] * scale, sampledBytes[i] * scale, kinds);
      values[at + FLOWS] += 1;
      const sharesAt = (words[wordsAt + GROUP_AND_FLAGS] & GROUP_MASK) * SHARES_PER_GROUP;
      if (
        (values[at + PACKETS] > shares[sharesAt] ||
          values[at + BYTES] > shares[sharesAt + 1] ||
          values[at + FLOWS] > shares[sharesAt + 2]) &&
        words[wordsAt + CANDIDATE_BUCKET] !== bucket
      ) {
        this.#candidates.mark(slot, bucket);
      }
    }
  }

  /** Adds a flow to the long flows, which are counted over time. Returns the factor for what must be counted now. */
  #spread(i: number, slot: number, kinds: number): number {
    const { sampledPackets, sampledBytes, samplingRate, durationMs } = this.#batch;
    const spreadMs = Math.min(durationMs[i], LONGEST_FLOW_MS);
    // Of a flow that lasted longer than LONGEST_FLOW_MS only that part counts, so that its rate is its mean rate.
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
    this.#candidates.judge(slot, this.#window.bucket, morePackets, moreBytes);
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
      if (flags === FREE_ROW || (flags & (WATCHED | IS_CANDIDATE)) !== 0) continue;
      if (table.word(slot, LONG_ROW) !== 0 || table.word(slot, LAST_BUCKET) + idleBuckets > this.#window.bucket)
        continue;
      table.remove(slot);
      this.#evictedHosts++;
    }
  }

  /** Fills the buckets of the new length so that every host keeps its rates. */
  #changeWindow(windowSeconds: number): void {
    const window = new RateWindow(windowSeconds, this.#window.now);
    const table = this.#table;
    const rates = new Float64Array(METRIC_COUNT);
    for (let slot = 0; slot < table.usedSlots; slot++) {
      if (!table.isUsed(slot)) continue;
      this.#window.ratesOf(table, slot, rates);
      window.fill(table, slot, rates);
      table.setWord(slot, CANDIDATE_BUCKET, window.bucket);
    }
    this.#window = window;
    this.#longFlows.useWindow(window);
  }

  #groupOfHost(slot: number): number {
    const { words } = this.#table.slabs[slot >> SLAB_SHIFT];
    const row = (slot & SLAB_MASK) * ROW_WORDS;
    return this.#protected.lookup(words[row] >>> 0, words[row + 1] >>> 0, words[row + 2] >>> 0, words[row + 3] >>> 0);
  }
}
