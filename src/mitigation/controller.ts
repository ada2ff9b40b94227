/*
 * The controller decides: it takes attacks, requests of operators, reloads and time, asks the guards, and sends each
 * ban the events that follow. `BanCommit` carries them out. All of it is synchronous.
 *
 * It owns no timer and no clock: call `tick` several times a second, and give every call the time in clock
 * milliseconds.
 */
import type { Config } from '../config/config.ts';
import type { Attack } from '../engine/attack.ts';
import { type Address, formatAddress, sameAddress } from '../net/address.ts';
import type { Announcer } from './announcer.ts';
import { AttackTable, type LiveAttack, RETRY_REFUSED_MS } from './attackTable.ts';
import type { Ban } from './ban.ts';
import { BanCommit, type BanCommitOptions, type MitigationCounters } from './banCommit.ts';
import { BanJudge, type Explanation, type JudgedRequest, type ManualBanRequest } from './banJudge.ts';
import { type BanEvent, transition } from './banMachine.ts';
import { FlapDamping } from './flapDamping.ts';
import { whitelistedByPlan } from './guards.ts';
import { bgpSessionProblem } from './harmlessFlowspec.ts';
import { reviewMethod } from './methodReview.ts';
import { bansOverCaps, forbiddenBans } from './rulesAfterReload.ts';

/**
 * A ban with less to live gets more when nothing can be seen; so it is stored once a hysteresis and not at every look.
 */
const TIME_TO_LOOK_BELOW_MS = 1000;

export interface ControllerOptions extends BanCommitOptions {
  readonly config: Config;
  readonly newId: () => string;
  /**
   * Called once when a decision threw, which is a bug. Nothing of that decision is saved or announced, and nothing more
   * is decided: the routes stay as they are until the process is started again.
   */
  readonly onFailure: (error: Error) => void;
  /** Addresses of GoBGP and its peers, whose BGP no route may touch; asked at every judgement. */
  readonly bgpEndpoints?: () => readonly Address[];
}

export interface ManualBanResult {
  readonly ok: boolean;
  /** Active, or rejected with the reason. */
  readonly ban: Ban;
}

export class MitigationController {
  readonly #onFailure: (error: Error) => void;
  readonly #bgpEndpoints: () => readonly Address[];
  readonly #commit: BanCommit;
  readonly #judge: BanJudge;
  readonly #attacks = new AttackTable();
  readonly #damping = new FlapDamping();
  /** Those that every active ban was last looked at with. */
  #checkedEndpoints: readonly Address[] = [];
  #phase: 'new' | 'running' | 'stopped' | 'failed' = 'new';

  constructor(options: ControllerOptions) {
    this.#onFailure = options.onFailure;
    this.#bgpEndpoints = options.bgpEndpoints ?? (() => []);
    this.#commit = new BanCommit(options);
    const { config, newId } = options;
    this.#judge = new BanJudge({ config, newId, bgpEndpoints: this.#bgpEndpoints, commit: this.#commit });
  }

  /**
   * Takes over the bans that outlived the last run, ends those that ran out or are no longer allowed, and tells the
   * announcers for the first time what is wanted. To be called once, before anything else. Answers the bans adopted.
   * Throws what the store throws; then nothing was announced and no route counts as an orphan.
   */
  restore(now: number): Ban[] {
    if (this.#phase !== 'new') throw new Error('restore must be the first call, and the only one');
    const loaded = this.#commit.load(this.#judge.scope.longestBanWindowMs(), now);
    const leftAlone = this.#bans.loadLeftAlone();
    this.#phase = 'running';
    return this.batch(now, () => {
      for (const ban of loaded) {
        this.#commit.apply(ban, ban.expiresAt <= now ? { kind: 'ttlExpired', at: now } : { kind: 'adopted', at: now });
      }
      this.#enforceRules(now);
      this.#expectLeftAlone(leftAlone, now);
      return this.#bans.active();
    });
  }

  /**
   * One decision, whole or not at all: what `work` decides is saved in one transaction, a thousand bans alike, and
   * announced as one set. Where `work` throws, nothing of it takes effect, then or later.
   */
  batch<T>(now: number, work: () => T): T {
    if (this.#phase === 'new') throw new Error('restore must be called first');
    if (this.#phase === 'stopped') throw new Error('nothing is decided after the shutdown');
    if (this.#phase === 'failed') throw new Error('nothing is decided after a failure');
    try {
      return this.#commit.batch(now, work);
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  /** Answers the ban that is active on the target now, or the one just refused; undefined where none is called for. */
  attackOpened(attack: Attack, now: number): Ban | undefined {
    return this.batch(now, () => {
      const live = this.#attacks.open(attack, now);
      const active = this.#bans.of(attack.targetText);
      if (active === undefined) return this.#answer(live, undefined, now);
      if (active.madeBy === 'operator') return active;
      const renamed =
        active.attackId === attack.id
          ? active
          : this.#commit.apply(active, { kind: 'attackRenamed', at: now, attackId: attack.id });
      this.#damping.seen(renamed);
      return this.#commit.apply(renamed, { kind: 'attackSeen', at: now });
    });
  }

  /**
   * The detector continues the attack of an adopted ban. Nothing was seen of the attack since the restart, so the ban
   * does not live longer for it, and its ladder does not advance.
   */
  attackResumed(attack: Attack, ban: Ban): void {
    this.#attacks.open(attack, ban.lastSeenAt ?? ban.startedAt);
  }

  /**
   * For a while nothing could be seen of any attack, because the process stood still or an exporter could not be read.
   * Bans that would run out next get time to look, as after a restart and within the same bound.
   */
  notObserved(now: number): void {
    if (this.#phase === 'stopped' || this.#phase === 'failed') return;
    this.batch(now, () => {
      this.#expectLeftAlone(this.#attacks.expectedTargets(), now);
      for (const ban of this.#bans.active()) {
        if (ban.expiresAt - now < TIME_TO_LOOK_BELOW_MS) this.#commit.apply(ban, { kind: 'adopted', at: now });
      }
    });
  }

  /** The attack crossed a limit just now; its ban's expiry moves on, which is saved with a later tick. */
  attackSeen(attackId: string, now: number): void {
    this.#attacks.seen(attackId, now);
    const ban = this.#bans.ofAttack(attackId);
    if (ban !== undefined) this.#commit.apply(ban, { kind: 'attackSeen', at: now });
  }

  /** The attack was found to have another vector; the rules of its ban follow, where every guard admits them. */
  vectorChanged(attack: Attack, now: number): void {
    this.batch(now, () => {
      const ban = this.#bans.ofAttack(attack.id);
      const rules = ban && this.#judge.otherRules(ban, attack, now);
      if (ban !== undefined && rules !== undefined)
        this.#commit.apply(ban, { kind: 'rulesChanged', at: now, ...rules });
    });
  }

  /** The attack was quiet for the hysteresis, which the detector waited out; its ban ends, unless it is held. */
  attackEnded(attackId: string, now: number): void {
    this.batch(now, () => {
      this.#attacks.close(attackId);
      const ban = this.#bans.ofAttack(attackId);
      if (ban !== undefined && !this.#damping.holds(ban, now)) this.#endQuiet(ban, now);
    });
  }

  /**
   * Bans by hand. It takes the place of any ban the target has, and lasts until its TTL or an unban; an attack that is
   * still seen then gets an automatic ban again. A refused one changes nothing.
   */
  ban(request: ManualBanRequest, now: number): ManualBanResult {
    const { target, ttlSeconds } = request;
    if (ttlSeconds !== undefined && !(ttlSeconds > 0)) throw new Error(`ttlSeconds must be above 0, got ${ttlSeconds}`);
    return this.batch(now, () => {
      const attack = this.#attacks.on(formatAddress(target))?.attack;
      const { request: asked, judgement } = this.#judge.byHand(request, attack, now);
      const { refusedBy, verdicts } = judgement;
      if (refusedBy !== undefined) return { ok: false, ban: this.#commit.refuse(asked, { refusedBy, verdicts }) };
      const before = this.#bans.of(asked.targetText);
      const replaced = before && transition(before, { kind: 'replaced', at: now, by: asked.id }).ban;
      return { ok: true, ban: this.#commit.admit(asked, judgement, replaced) };
    });
  }

  /** Ends the target's ban, if it has one. Its attack, if there is one, is left alone until it ended. */
  unban(target: Address, now: number, operator: string): Ban | undefined {
    return this.batch(now, () => {
      const ban = this.#bans.of(formatAddress(target));
      if (ban === undefined) return undefined;
      const live = this.#attacks.on(ban.targetText);
      if (live !== undefined) this.#attacks.leaveAlone(live.attack.id, ban.targetText);
      if (ban.attackId !== undefined) this.#attacks.leaveAlone(ban.attackId, ban.targetText);
      this.#bans.leaveAlone(this.#attacks.leftAloneTargets());
      return this.#commit.apply(ban, { kind: 'unbanned', at: now, operator });
    });
  }

  /** A new config is in force. Ends what it no longer allows, then answers the attacks that have no ban. */
  reconfigure(config: Config, activeAttacks: Iterable<Attack>, now: number): void {
    this.batch(now, () => {
      this.#judge.reconfigure(config);
      this.#bans.keepStartsFor(this.#judge.scope.longestBanWindowMs());
      for (const attack of activeAttacks) this.#attacks.open(attack, attack.lastSeenAt);
      for (const live of this.#attacks.all()) live.tryAgainAt = now;
      this.#enforceRules(now);
      this.#answerAttacks(now);
    });
  }

  /** Time has passed: expiries, rungs, peers lost and found, refused attacks, saves that failed. */
  tick(now: number): void {
    if (this.#phase === 'stopped' || this.#phase === 'failed') return;
    this.batch(now, () => {
      this.#spareBgpSessions(now);
      for (const ban of this.#bans.active()) {
        if (this.#damping.isProbeDue(ban, now)) this.#endQuiet(ban, now);
        else if (now >= ban.expiresAt) this.#expire(ban, now);
        else this.#reviewMethod(ban, now);
      }
      this.#answerAttacks(now);
      this.#attacks.giveUpExpected(now);
      this.#bans.leaveAlone(this.#attacks.leftAloneTargets());
      this.#bans.saveMovedExpiries();
    });
    this.batch(now, () => {
      for (const ban of this.#bans.active()) this.#commit.reviewPlacement(ban, now);
    });
  }

  /** The wall clock was set by this much. Every time held moves with it, so no ban lives longer or shorter for it. */
  clockStepped(deltaMs: number, now: number): void {
    this.batch(now, () => {
      this.#attacks.clockStepped(deltaMs);
      this.#damping.clockStepped(deltaMs);
      this.#commit.clockStepped(deltaMs);
      for (const ban of this.#bans.active()) this.#commit.apply(ban, { kind: 'clockStepped', at: now, deltaMs });
    });
  }

  /** The last call. The routes stay for the next start to adopt, or are withdrawn. */
  shutdown(now: number, routes: 'keep' | 'withdraw' = this.#judge.scope.config.ban.onShutdown): void {
    if (this.#phase !== 'running') return;
    this.batch(now, () => {
      this.#bans.saveMovedExpiries();
      if (routes === 'keep') return;
      for (const ban of this.#bans.active()) this.#commit.apply(ban, { kind: 'shutDown', at: now });
    });
    this.#phase = 'stopped';
  }

  /** Active and past bans, newest first; of the past at least the last thousand. */
  bans(): Ban[] {
    const all = [...this.#bans.active(), ...this.#bans.past()];
    return all.sort((a, b) => b.startedAt - a.startedAt);
  }

  activeBans(): Ban[] {
    return this.#bans.active();
  }

  /** The announcer that answers for a ban's evidence. */
  announcerOf(ban: Ban): Announcer {
    return this.#commit.announcerOf(ban);
  }

  counters(): MitigationCounters {
    return this.#commit.counters();
  }

  /**
   * Keys of every real route that this Kapkan ever had, as far as it and its store remember; it grows with new ones.
   */
  ownedKeys(): ReadonlySet<string> {
    return this.#commit.ownedKeys();
  }

  /**
   * Asks every guard as if the target were attacked now, by this attack or by no vector in particular; acts on nothing.
   */
  explain(target: Address, now: number, attack?: Attack): Explanation {
    const targetText = formatAddress(target);
    const live = this.#attacks.on(targetText);
    return {
      group: this.#judge.scope.groupOf(target).name,
      ban: this.#bans.of(targetText),
      leftAlone: live !== undefined && this.#attacks.isLeftAlone(live.attack.id),
      judgement: this.#judge.supposedAttack(target, attack ?? live?.attack, now),
    };
  }

  /** The bans in memory are half-way through a decision; to save or announce them would be wrong. */
  #fail(error: unknown): void {
    if (this.#phase === 'failed') return;
    this.#phase = 'failed';
    this.#onFailure(error instanceof Error ? error : new Error(String(error)));
  }

  get #bans() {
    return this.#commit.table;
  }

  /** Bans the target of an attack, if it may; in the place of a ban that just ended, if one is given. */
  #answer(live: LiveAttack, replaced: Ban | undefined, now: number): Ban | undefined {
    const { attack } = live;
    live.tryAgainAt = now + RETRY_REFUSED_MS;
    if (this.#attacks.isLeftAlone(attack.id)) return undefined;
    const judged = this.#judge.ofAttack(attack, live.lastSeenAt, now);
    return judged && this.#enter(live, judged, replaced);
  }

  #enter(live: LiveAttack, { request, judgement }: JudgedRequest, replaced: Ban | undefined): Ban | undefined {
    const { refusedBy, verdicts } = judgement;
    if (refusedBy === undefined) {
      live.refused = false;
      const ban = this.#commit.admit(request, judgement, replaced);
      this.#damping.began(ban);
      return ban;
    }
    if (live.refused) return undefined;
    live.refused = true;
    return this.#commit.refuse(request, { refusedBy, verdicts });
  }

  /** Tries the attacks that have no ban, are being seen, and were not tried lately. */
  #answerAttacks(now: number): void {
    for (const live of this.#attacks.all()) {
      const { target, targetText } = live.attack;
      if (now < live.tryAgainAt || !this.#attacks.isCurrent(live, now)) continue;
      // An attack outside the networks is one that the detector is about to close after a reload.
      if (this.#bans.of(targetText) === undefined && this.#judge.scope.isProtected(target))
        this.#answer(live, undefined, now);
    }
  }

  /** The attack is quiet; where it had been back before, this says that it is a probe. */
  #endQuiet(ban: Ban, now: number): void {
    this.#commit.apply(ban, { kind: 'attackEnded', at: now, detail: this.#damping.ended(ban, now) });
  }

  /**
   * A manual ban that runs out before the attack on its target was quiet for the hysteresis is followed by an automatic
   * one without a gap.
   */
  #expire(ban: Ban, now: number): void {
    const live = this.#attacks.on(ban.targetText);
    if (ban.madeBy === 'operator' && live !== undefined) {
      const ended = transition(ban, { kind: 'ttlExpired', at: now }).ban;
      if (this.#answer(live, ended, now)?.state === 'active') return;
    }
    this.#commit.apply(ban, { kind: 'ttlExpired', at: now });
  }

  /** A ban made before GoBGP or a peer was first seen may turn out to cover one end of a session. */
  #spareBgpSessions(now: number): void {
    const endpoints = this.#bgpEndpoints();
    const known = this.#checkedEndpoints;
    if (endpoints.length === known.length && endpoints.every((address, i) => sameAddress(address, known[i]))) return;
    this.#checkedEndpoints = endpoints;
    for (const ban of this.#bans.active()) {
      const reason = bgpSessionProblem(ban.routes, endpoints);
      if (reason === undefined) continue;
      const live = this.#attacks.on(ban.targetText);
      if (live !== undefined) live.refused = true;
      this.#commit.apply(ban, { kind: 'foundHarmful', at: now, reason });
    }
    this.#bans.dropCovers(({ routes }) => bgpSessionProblem(routes, endpoints) !== undefined);
  }

  /** An attack that was left alone is found again within its hysteresis, or it ended while nobody looked. */
  #expectLeftAlone(targets: readonly string[], now: number): void {
    this.#attacks.expect(targets, (text) => now + this.#judge.scope.hysteresisMs(text));
  }

  #reviewMethod(ban: Ban, now: number): void {
    const circumstances = this.#judge.circumstancesOf(ban, now);
    const event = reviewMethod(ban, circumstances, this.#commit.announcerOf(ban), this.#commit.health);
    if (event !== undefined) this.#commit.apply(ban, event);
  }

  #enforceRules(now: number): void {
    const scope = this.#judge.scope;
    this.#bans.starts.forgetGroups((name) => scope.groupNamed(name) === undefined);
    for (const { ban, event } of forbiddenBans(this.#bans.active(), scope, now)) this.#overrule(ban, event);
    for (const ban of this.#bans.active()) {
      const event = this.#judge.afterReload(ban, this.#attacks.on(ban.targetText)?.attack, now);
      if (event !== undefined) this.#overrule(ban, event);
    }
    for (const { ban, event } of bansOverCaps(this.#bans.active(), scope, now)) this.#overrule(ban, event);
    const overBudget = this.#bans.counts.flowspecRules() > scope.config.flowspecMaxRules;
    this.#bans.dropCovers(
      ({ plan, method }) => whitelistedByPlan(plan, scope) !== undefined || (overBudget && method === 'flowspec'),
    );
  }

  #overrule(ban: Ban, event: BanEvent): void {
    const live = this.#attacks.on(ban.targetText);
    const { state } = this.#commit.apply(ban, event);
    // The end of the ban says why; a refusal of the same attack would report it a second time.
    if (live !== undefined && state !== 'active' && event.kind !== 'dryRunChanged') live.refused = true;
  }
}
