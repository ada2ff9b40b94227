/*
 * The detector adds the rates that the receiving threads report, compares the sum with the limits of the owning group,
 * and keeps the attacks: an attack starts when any limit is crossed, and ends when none was crossed for the hysteresis.
 *
 * How it is driven, several times a second and always in this order:
 *   1. `report`   for each report of a thread.
 *   2. `advance`  returns the attacks seen just now, those that ended, and the hosts over a limit that are no attack yet.
 *   3. The caller fetches a sample of those hosts from the threads, which takes a moment.
 *   4. `open`     makes them attacks. A host is not named as crossing again while its sample is being fetched.
 *   5. `dueForReview` and `review`: the same for active attacks, because their vector may change.
 *   6. `watched`  returns the hosts that every thread must report, whatever their rates.
 *
 * With several threads a host's first report may come from one of them alone. The host is then watched, and judged a
 * tick later, when all threads have reported it. So the result does not depend on the number of threads.
 */
import { type Address, type AddressKey, addressKey, addressOfWords, formatAddress } from '../net/address.ts';
import { NO_MATCH, type PrefixTable } from '../net/prefixTable.ts';
import { METRICS, offsetOf } from '../trafficMetrics.ts';
import { type Attack, type AttackSample, EMPTY_SAMPLE, type ResumedAttack, UNKNOWN_VECTOR } from './attack.ts';
import { classify, NO_SHARES, reasonOf, VectorReview } from './classification.ts';
import { type EnginePlan, protectedTable } from './enginePlan.ts';
import { HostRates } from './hostRates.ts';
import { type HostReport, ratesOf } from './hostReport.ts';
import { type Crossing, LimitJudge } from './limitJudge.ts';

/** Most active attacks. With more, the whole network is under attack, and more bans would not help. */
export const MAX_ACTIVE_ATTACKS = 10_000;

/**
 * Exporters send templates at least every 30 minutes (the default of Cisco's NetFlow v9); one that does not is broken.
 */
const MAX_UNOBSERVED_MS = 30 * 60_000;

/** Attacks that are reviewed together; the others follow in later ticks. */
const MAX_REVIEWS = 50;

/** Exporters report a little later than they should. */
const REPORT_SLACK = 1.1;

/** The result of judging the latest reports. */
export interface Findings {
  /** Active attacks that were over a limit just now. */
  readonly seen: readonly Attack[];
  /** Attacks that were quiet for the hysteresis, or whose host is no longer protected. */
  readonly ended: readonly Attack[];
  /** Hosts over a limit that are no attack yet: fetch their samples and call `open`. */
  readonly crossed: readonly Address[];
}

interface HostState {
  readonly rates: HostRates;
  /** Number of the owning group. */
  group: number;
  attack: Attack | undefined;
  /** All rates when that of the attack's metric was highest; undefined where that was before a restart. */
  peak: Float64Array | undefined;
  /** Its sample is being fetched. */
  isOpening: boolean;
  /** The limit that it crossed by the latest reports, and that no attack has answered yet. */
  crossing: Crossing | undefined;
  /** When the latest window ended that was over a limit. */
  overUntil: number;
  /** No attack is found in windows that begin before: they hold traffic of an attack that has ended. */
  judgedSince: number;
  /** For the time before this it is not known whether the attack was quiet. */
  observedFrom: number;
  /** When its attack was taken over from before a restart. */
  resumedAt: number;
  /** It crossed a limit when there was no room for another attack. Counted once. */
  isTurnedAway: boolean;
}

export class Detector {
  readonly #newId: () => string;
  readonly #hosts = new Map<AddressKey, HostState>();
  #plan: EnginePlan;
  #protected: PrefixTable;
  /** Number of the latest report of each thread. */
  readonly #newest: Float64Array;
  readonly #active = new Map<AddressKey, Attack>();
  readonly #review = new VectorReview();
  #judge: LimitJudge;
  #endedByReload: Attack[] = [];
  /** Within this time every exporter reports a flow that goes on. */
  #reportsWithinMs = 0;
  /** Hosts whose samples are being fetched. */
  #opening = 0;
  #attacks = 0;
  #attacksOverLimit = 0;

  constructor(plan: EnginePlan, newId: () => string) {
    this.#plan = plan;
    this.#protected = protectedTable(plan);
    this.#judge = new LimitJudge(plan);
    this.#newest = new Float64Array(plan.workers);
    this.#newId = newId;
  }

  /** Takes a report of thread `worker`, counted from 0. */
  report(worker: number, report: HostReport): void {
    const number = ++this.#newest[worker];
    this.#reportsWithinMs = Math.max(this.#reportsWithinMs, report.reportsWithinMs ?? 0);
    for (let row = 0; row < report.count; row++) {
      const host = this.#hostOfRow(report.addresses, 4 * row);
      host?.rates.take(worker, number, report, row);
    }
  }

  /** Judges every host that was reported or is under attack. */
  advance(now: number): Findings {
    const seen: Attack[] = [];
    const ended = this.#endedByReload;
    const crossed: Address[] = [];
    this.#endedByReload = [];
    for (const [key, host] of this.#hosts) {
      const named = host.rates.add(this.#newest);
      const isSeen = named !== 'none' && this.#judgeHost(host);
      if (host.attack !== undefined) {
        this.#update(host, host.attack, isSeen, now);
        if (isSeen) seen.push(host.attack);
        else if (this.#isQuiet(host, host.attack, now)) ended.push(this.#end(key, host, host.attack, now));
      } else if (named === 'all' && host.crossing !== undefined && !host.isOpening) {
        if (this.#hasRoomFor(host)) {
          crossed.push(host.rates.target);
          host.isOpening = true;
          this.#opening++;
        }
      } else if (!host.isOpening && (named === 'none' || !host.rates.isCandidate(this.#newest))) {
        this.#hosts.delete(key);
      }
    }
    return { seen, ended, crossed };
  }

  /** Makes attacks of hosts that `advance` named, each with its sample, where they are still over a limit. */
  open(targets: readonly Address[], samples: readonly AttackSample[], now: number): Attack[] {
    const opened: Attack[] = [];
    targets.forEach((target, i) => {
      const key = addressKey(target.word0, target.word1, target.word2, target.word3);
      const host = this.#hosts.get(key);
      if (host === undefined || !host.isOpening) return;
      host.isOpening = false;
      this.#opening--;
      if (host.crossing === undefined) return;
      const attack = this.#newAttack(host, host.crossing, samples[i] ?? EMPTY_SAMPLE, now);
      this.#enter(key, host, attack, host.rates.sum.slice());
      this.#attacks++;
      opened.push(attack);
    });
    return opened;
  }

  /** Active attacks that should be looked at again: fetch their samples and call `review`. */
  dueForReview(now: number): Address[] {
    const due: Address[] = [];
    for (const attack of this.#active.values()) {
      if (due.length === MAX_REVIEWS) break;
      if (this.#review.isDue(attack.id, now)) due.push(attack.target);
    }
    return due;
  }

  /** Takes new samples of attacks that `dueForReview` named. Returns the attacks whose vector changes now. */
  review(targets: readonly Address[], samples: readonly AttackSample[], now: number): Attack[] {
    return targets.flatMap(({ word0, word1, word2, word3 }, i) => {
      const attack = this.#active.get(addressKey(word0, word1, word2, word3));
      const sample = samples[i] ?? EMPTY_SAMPLE;
      if (attack === undefined || sample.totalPackets === 0) return [];
      const found = classify(attack.rates, sample);
      if (!this.#review.confirm(attack.id, attack.classification, found, now)) return [];
      attack.classification = found;
      attack.sample = sample;
      return [attack];
    });
  }

  /**
   * Continues an attack from before a restart, as if it had been seen just now. Undefined where its host is not
   * protected. Nothing is known of flows that were open then: before their exporters have reported them, silence is not
   * quiet.
   */
  resume(facts: ResumedAttack, now: number): Attack | undefined {
    const { target } = facts;
    const key = addressKey(target.word0, target.word1, target.word2, target.word3);
    const host = this.#hostOf(key, target);
    if (host === undefined || host.attack !== undefined) return undefined;
    const attack: Attack = {
      ...facts,
      targetText: formatAddress(target),
      group: host.group,
      groupName: this.#plan.groups[host.group].name,
      rates: { [facts.metric]: facts.rate },
      rateError: 0,
      peakRate: facts.rate,
      active: true,
      endedAt: undefined,
      lastSeenAt: now,
      sample: EMPTY_SAMPLE,
      classification: UNKNOWN_VECTOR,
      reason: { text: 'continued after a restart of Kapkan', thresholdSource: 'static', shares: NO_SHARES },
    };
    this.#enter(key, host, attack, undefined);
    host.resumedAt = now;
    return attack;
  }

  /**
   * The traffic between `since` and now could not be observed: for attacks last seen before it, that time does not
   * count as quiet. An exporter that stays unreadable keeps no attack for longer than MAX_UNOBSERVED_MS.
   */
  notObserved(since: number, now: number): void {
    for (const key of this.#active.keys()) {
      const host = this.#hosts.get(key);
      const lastSeenAt = host?.attack?.lastSeenAt ?? now;
      if (host !== undefined && lastSeenAt <= since && now - lastSeenAt <= MAX_UNOBSERVED_MS) host.observedFrom = now;
    }
  }

  /** The hosts that every thread must report, whatever their rates: those under attack, and possible attacks. */
  watched(): Address[] {
    const watched: Address[] = [];
    for (const { rates, attack, isOpening } of this.#hosts.values()) {
      if (this.#plan.workers > 1 || attack !== undefined || isOpening) watched.push(rates.target);
    }
    return watched;
  }

  /** Other limits, groups or networks. Attacks on hosts that are no longer protected end with the next `advance`. */
  reconfigure(plan: EnginePlan, now: number): void {
    const isSameWindow = plan.windowSeconds === this.#plan.windowSeconds;
    this.#plan = plan;
    this.#judge = new LimitJudge(plan);
    this.#protected = protectedTable(plan);
    for (const [key, host] of this.#hosts) {
      if (!isSameWindow) host.rates.forgetReports();
      const group = this.#protected.lookupAddress(host.rates.target);
      if (group !== NO_MATCH) {
        host.group = group;
        if (host.attack !== undefined) {
          host.attack.group = group;
          host.attack.groupName = plan.groups[group].name;
        }
        continue;
      }
      if (host.attack !== undefined) {
        // The old number means nothing in the new plan; the name stays.
        host.attack.group = 0;
        this.#endedByReload.push(this.#end(key, host, host.attack, now));
      }
      if (host.isOpening) this.#opening--;
      this.#hosts.delete(key);
    }
  }

  /** The wall clock was set forward by this much; stored times move with it. */
  clockStepped(deltaMs: number): void {
    this.#review.clockStepped(deltaMs);
    for (const attack of this.#active.values()) {
      attack.startedAt += deltaMs;
      attack.lastSeenAt += deltaMs;
    }
    for (const host of this.#hosts.values()) {
      host.observedFrom += deltaMs;
      host.resumedAt += deltaMs;
      host.overUntil += deltaMs;
      host.judgedSince += deltaMs;
      host.rates.clockStepped(deltaMs);
    }
  }

  active(): Attack[] {
    return [...this.#active.values()];
  }

  /** Since start. `attacksOverLimit`: hosts over a limit that became no attack, because too many were active. */
  counters(): { readonly attacks: number; readonly attacksOverLimit: number } {
    return { attacks: this.#attacks, attacksOverLimit: this.#attacksOverLimit };
  }

  /**
   * The host of a report's row, known or new; undefined where it is not protected (a thread may not have reloaded yet).
   */
  #hostOfRow(addresses: Uint32Array, at: number): HostState | undefined {
    const key = addressKey(addresses[at], addresses[at + 1], addresses[at + 2], addresses[at + 3]);
    const known = this.#hosts.get(key);
    if (known !== undefined) return known;
    return this.#hostOf(key, addressOfWords(addresses[at], addresses[at + 1], addresses[at + 2], addresses[at + 3]));
  }

  #hostOf(key: AddressKey, target: Address): HostState | undefined {
    const known = this.#hosts.get(key);
    if (known !== undefined) return known;
    const group = this.#protected.lookupAddress(target);
    if (group === NO_MATCH) return undefined;
    const host: HostState = {
      rates: new HostRates(target, this.#plan.workers),
      group,
      attack: undefined,
      peak: undefined,
      isOpening: false,
      crossing: undefined,
      overUntil: Number.NEGATIVE_INFINITY,
      judgedSince: Number.NEGATIVE_INFINITY,
      observedFrom: 0,
      resumedAt: Number.NEGATIVE_INFINITY,
      isTurnedAway: false,
    };
    this.#hosts.set(key, host);
    return host;
  }

  /**
   * Judges the host by the latest reports. True where a window over a limit ended later than any before: what is known
   * of earlier time says nothing about whether an attack goes on.
   */
  #judgeHost(host: HostState): boolean {
    const { limits } = this.#plan.groups[host.group];
    host.crossing = undefined;
    if (!host.rates.isCandidate(this.#newest)) return false;
    let overUntil = host.attack && host.rates.overNowMs(limits, this.#newest);
    if (overUntil === undefined) {
      host.rates.showTo(this.#judge, this.#newest);
      if (host.attack === undefined) host.crossing = this.#judge.crossing(limits, host.judgedSince);
      overUntil = this.#judge.latestOverMs(limits);
    }
    if (overUntil === undefined || overUntil <= host.overUntil) return false;
    host.overUntil = overUntil;
    return true;
  }

  /** Whether the attack was observed to be quiet for the hysteresis. */
  #isQuiet(host: HostState, attack: Attack, now: number): boolean {
    const { hysteresisMs } = this.#plan.groups[host.group];
    const hasAllReports = now - host.resumedAt > REPORT_SLACK * Math.min(this.#reportsWithinMs, MAX_UNOBSERVED_MS);
    return hasAllReports && now - Math.max(attack.lastSeenAt, host.observedFrom) >= hysteresisMs;
  }

  #hasRoomFor(host: HostState): boolean {
    if (this.#active.size + this.#opening < MAX_ACTIVE_ATTACKS) return true;
    if (!host.isTurnedAway) this.#attacksOverLimit++;
    host.isTurnedAway = true;
    return false;
  }

  #newAttack(host: HostState, crossing: Crossing, sample: AttackSample, now: number): Attack {
    const group = this.#plan.groups[host.group];
    const metric = METRICS[crossing.metric];
    const threshold = group.limits[crossing.metric];
    const rates = host.rates.rates();
    return {
      id: this.#newId(),
      target: host.rates.target,
      targetText: formatAddress(host.rates.target),
      group: host.group,
      groupName: group.name,
      metric,
      threshold,
      rate: crossing.rate,
      rates,
      rateError: host.rates.errorOf(crossing.metric),
      peakRate: crossing.rate,
      active: true,
      startedAt: now,
      endedAt: undefined,
      lastSeenAt: now,
      sample,
      classification: classify(rates, sample),
      reason: reasonOf(metric, rates, threshold, group),
    };
  }

  #enter(key: AddressKey, host: HostState, attack: Attack, peak: Float64Array | undefined): void {
    host.attack = attack;
    host.peak = peak;
    this.#active.set(key, attack);
  }

  #update(host: HostState, attack: Attack, isSeen: boolean, now: number): void {
    attack.rates = host.rates.rates();
    attack.rate = attack.rates[attack.metric] ?? 0;
    attack.rateError = host.rates.errorOf(offsetOf(attack.metric));
    if (isSeen) attack.lastSeenAt = now;
    if (attack.rate <= attack.peakRate) return;
    attack.peakRate = attack.rate;
    host.peak = host.rates.sum.slice();
  }

  #end(key: AddressKey, host: HostState, attack: Attack, now: number): Attack {
    attack.active = false;
    attack.endedAt = now;
    attack.rate = attack.peakRate;
    attack.rates = host.peak === undefined ? { [attack.metric]: attack.peakRate } : ratesOf(host.peak);
    host.attack = undefined;
    host.judgedSince = host.overUntil;
    this.#active.delete(key);
    this.#review.forget(attack.id);
    return attack;
  }
}
