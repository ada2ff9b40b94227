/*
 * Detection and decision as one synchronous cycle: reports of the receiving threads go in, incident events come out.
 * The daemon drives it by the wall clock and `replay` by the clock of a capture, so the two cannot differ.
 *
 * How it is driven, several times a second:
 *   1. `report`  for each report of a thread. It returns the hosts that crossed a limit.
 *   2. the caller fetches a sample of those hosts, which may take a moment;
 *   3. `open`    makes attacks of them and decides about them.
 *   4. `dueForReview` and `review`: the same for active attacks, whose vector may change.
 *   5. `tick`    for what time alone brings: expiries, rungs, retries, the progress of attacks that last.
 *   6. `watched` is what every thread must report, whatever its rate.
 *
 * What throws in here is a bug of ours. Then nothing is decided any more, and `onFailure` is called: see the
 * controller.
 */
import type { Config } from '../config/config.ts';
import type { Attack, AttackSample } from '../engine/attack.ts';
import { Detector } from '../engine/detector.ts';
import type { EnginePlan } from '../engine/enginePlan.ts';
import type { HostReport } from '../engine/hostReport.ts';
import type { Ban } from '../mitigation/ban.ts';
import type { MitigationEvent } from '../mitigation/banCommit.ts';
import { type ControllerOptions, MitigationController } from '../mitigation/controller.ts';
import type { Address } from '../net/address.ts';
import type { AttackEvent, IncidentEvent, UpdateCause } from './incidentEvent.ts';
import { AttackProgress, IncidentTable } from './incidentTable.ts';

/** What happened to an attack, without the attack itself. */
type AttackEventKind =
  | { readonly kind: 'attack_started' | 'attack_ended' }
  | { readonly kind: 'attack_updated'; readonly cause: UpdateCause };

/** It is driven ten times a second. Where that did not happen for so long, the process stood still. */
const STOOD_STILL_MS = 3000;

export interface DetectionCycleOptions extends Omit<ControllerOptions, 'onEvent'> {
  readonly plan: EnginePlan;
  /**
   * Called with each event in order, after the decision took effect. It must not throw nor call back into the cycle.
   */
  readonly onEvent: (event: IncidentEvent) => void;
}

export class DetectionCycle {
  readonly detector: Detector;
  readonly controller: MitigationController;
  readonly incidents = new IncidentTable();
  readonly #onEvent: (event: IncidentEvent) => void;
  readonly #progress = new AttackProgress();
  #updateSeconds: number;
  /** When it was last given a report or the time; the process runs as long as that does not stop. */
  #lastDrivenAt = Number.POSITIVE_INFINITY;
  /** Attack events of the decision under way, and then its ban events; undefined between decisions. */
  #underWay: { readonly attacks: AttackEvent[]; readonly bans: MitigationEvent[] } | undefined;

  constructor({ plan, onEvent, ...options }: DetectionCycleOptions) {
    this.#onEvent = onEvent;
    this.#updateSeconds = options.config.notify.updateSeconds;
    this.detector = new Detector(plan, options.newId);
    this.controller = new MitigationController({ ...options, onEvent: (event) => this.#take(event) });
  }

  /**
   * Takes over the bans of the last run that are still active, and continues their attacks, so that each ends by its
   * hysteresis like any other. The first call, once. Throws what the store throws.
   */
  restore(now: number): void {
    const bans = this.controller.restore(now);
    this.#decide(now, () => {
      for (const ban of bans) this.#resume(ban, now);
    });
  }

  /** A report of thread `worker`, counted from 0. Returns the hosts that crossed a limit, to be sampled and opened. */
  report(worker: number, report: HostReport, now: number): readonly Address[] {
    return this.#decide(now, () => {
      this.#observe(report.unreadableSince, now);
      this.detector.report(worker, report);
      const { seen, ended, crossed } = this.detector.advance(now);
      for (const attack of seen) this.controller.attackSeen(attack.id, now);
      for (const attack of ended) this.#end(attack, now);
      return crossed;
    });
  }

  /** Makes attacks of hosts that `report` returned, each with its sample; one that is missing is taken as empty. */
  open(targets: readonly Address[], samples: readonly AttackSample[], now: number): void {
    this.#decide(now, () => {
      for (const attack of this.detector.open(targets, samples, now)) {
        this.#enter(attack, now);
        this.#add({ kind: 'attack_started' }, attack, now);
      }
    });
  }

  /** Hosts under attack that should be sampled again. */
  dueForReview(now: number): readonly Address[] {
    return this.detector.dueForReview(now);
  }

  /** Takes new samples of hosts that `dueForReview` named. Where the vector is another one, the ban's rules follow. */
  review(targets: readonly Address[], samples: readonly AttackSample[], now: number): void {
    this.#decide(now, () => {
      for (const attack of this.detector.review(targets, samples, now)) {
        this.controller.vectorChanged(attack, now);
        this.#add({ kind: 'attack_updated', cause: 'vector' }, attack, now);
      }
    });
  }

  /** Time has passed. */
  tick(now: number): void {
    this.#observe(undefined, now);
    this.controller.tick(now);
    for (const attack of this.#progress.due(this.incidents.active(), this.#updateSeconds, now)) {
      const ban = this.incidents.banOf(attack.id);
      this.#publish({ kind: 'attack_updated', cause: 'progress', at: now, attack: { ...attack }, ban });
    }
  }

  /** A new config is in force. */
  reconfigure(config: Config, plan: EnginePlan, now: number): void {
    this.#updateSeconds = config.notify.updateSeconds;
    this.#decide(now, () => {
      this.detector.reconfigure(plan, now);
      this.controller.reconfigure(config, this.detector.active(), now);
    });
  }

  /** The wall clock was set by this much; times held move with it. */
  clockStepped(deltaMs: number, now: number): void {
    this.#decide(now, () => {
      this.#lastDrivenAt += deltaMs;
      this.#progress.clockStepped(deltaMs);
      this.detector.clockStepped(deltaMs);
      this.controller.clockStepped(deltaMs, now);
    });
  }

  /** What every thread must report whatever its rate. */
  watched(): Address[] {
    return this.detector.watched();
  }

  /**
   * Runs a decision as one batch. Events of attacks come first, each with the ban that answers it, then those of bans.
   */
  #decide<T>(now: number, work: () => T): T {
    const underWay = { attacks: [] as AttackEvent[], bans: [] as MitigationEvent[] };
    this.#underWay = underWay;
    let answer: T;
    try {
      answer = this.controller.batch(now, work);
    } finally {
      this.#underWay = undefined;
    }
    for (const { ban } of onlyBans(underWay.bans)) this.incidents.enterBan(ban);
    for (const event of underWay.attacks) {
      this.#publish({ ...event, ban: this.incidents.banOf(event.attack.id) });
    }
    for (const event of underWay.bans) this.#publishMitigation(event);
    return answer;
  }

  /** Notes what could not be observed: while the process stood still, or while an exporter could not be read. */
  #observe(unreadableSince: number | undefined, now: number): void {
    const stoodStill = now - this.#lastDrivenAt > STOOD_STILL_MS;
    this.#lastDrivenAt = now;
    if (!stoodStill && unreadableSince === undefined) return;
    this.detector.notObserved(stoodStill ? now : (unreadableSince ?? now), now);
    this.controller.notObserved(now);
  }

  #resume(ban: Ban, now: number): void {
    const { attackId, target, metric, rate, threshold, startedAt } = ban;
    if (attackId === undefined || metric === undefined || rate === undefined || threshold === undefined) return;
    const attack = this.detector.resume({ id: attackId, target, metric, rate, threshold, startedAt }, now);
    if (attack === undefined) return;
    this.controller.attackResumed(attack, ban);
    this.incidents.open(attack, ban);
  }

  #enter(attack: Attack, now: number): void {
    this.incidents.open(attack, this.controller.attackOpened(attack, now));
  }

  #end(attack: Attack, now: number): void {
    this.controller.attackEnded(attack.id, now);
    this.#add({ kind: 'attack_ended' }, attack, now);
  }

  #add(what: AttackEventKind, attack: Attack, at: number): void {
    this.#underWay?.attacks.push({ ...what, at, attack: { ...attack }, ban: undefined });
  }

  #take(event: MitigationEvent): void {
    if (this.#underWay === undefined) this.#publishMitigation(event);
    else this.#underWay.bans.push(event);
  }

  #publishMitigation(event: MitigationEvent): void {
    if ('ban' in event) {
      const attack = this.incidents.enterBan(event.ban);
      this.#publish({ ...event, attack: attack && { ...attack } });
    } else {
      this.#publish(event);
    }
  }

  #publish(event: IncidentEvent): void {
    this.incidents.record(event);
    if (event.kind === 'attack_ended') this.incidents.close(event.attack);
    this.#onEvent(event);
  }
}

function onlyBans(events: readonly MitigationEvent[]): Extract<MitigationEvent, { readonly ban: Ban }>[] {
  return events.filter((event) => 'ban' in event);
}
