/*
 * Judges a ban before it is made: works out its plan from the config in force and asks every guard about it. Nothing
 * here changes anything.
 */
import type { Config } from '../config/config.ts';
import type { MitigationMethod } from '../config/sections/mitigation.ts';
import { type Attack, EMPTY_SAMPLE, UNKNOWN_VECTOR } from '../engine/attack.ts';
import { type Address, formatAddress } from '../net/address.ts';
import type { Ban, BanPlan } from './ban.ts';
import type { BanCommit } from './banCommit.ts';
import type { BanEvent, BanRequest, PlannedRules } from './banMachine.ts';
import {
  attackPlan,
  dueRung,
  type ManualWish,
  manualMethod,
  manualPlan,
  type PlanContext,
  type PlannedAttack,
  planAfterReload,
} from './banPlan.ts';
import { type Candidate, type Circumstances, type Judgement, judge, judgeMethod } from './guards.ts';
import { judgeManualBounds, manualTtlSeconds, withAlternative } from './manualBounds.ts';
import { methodAfterReload } from './methodReview.ts';
import { type Route, routeKey } from './route.ts';
import { Scope } from './scope.ts';

/** A ban by hand. `ttlSeconds` above 0; what is left out follows from the group that owns the target. */
export interface ManualBanRequest extends Partial<Omit<ManualWish, 'target'>> {
  readonly target: Address;
  readonly comment?: string;
  readonly operator: string;
  /** The tenant whose token asked; undefined = somebody who may ban every protected host. */
  readonly tenant?: string | undefined;
}

/** A requested ban, and what the guards say about it. */
export interface JudgedRequest {
  readonly request: BanRequest;
  readonly judgement: Judgement;
}

/** Why a target is treated as it is. */
export interface Explanation {
  readonly group: string;
  readonly ban: Ban | undefined;
  /** An operator ended the ban of the active attack. */
  readonly leftAlone: boolean;
  /** Were it attacked now: every guard's verdict, and the method that would be used. */
  readonly judgement: Judgement;
}

export interface BanJudgeOptions {
  readonly config: Config;
  readonly newId: () => string;
  readonly bgpEndpoints: () => readonly Address[];
  readonly commit: BanCommit;
}

export class BanJudge {
  readonly #newId: () => string;
  readonly #bgpEndpoints: () => readonly Address[];
  readonly #commit: BanCommit;
  #scope: Scope;

  constructor({ config, newId, bgpEndpoints, commit }: BanJudgeOptions) {
    this.#newId = newId;
    this.#bgpEndpoints = bgpEndpoints;
    this.#commit = commit;
    this.#scope = this.#enforce(config);
  }

  get scope(): Scope {
    return this.#scope;
  }

  /** Takes another config into force. */
  reconfigure(config: Config): void {
    this.#scope = this.#enforce(config);
  }

  /**
   * The automatic ban of an attack last seen at `lastSeenAt`; undefined where its group does nothing against attacks.
   */
  ofAttack(attack: Attack, lastSeenAt: number, now: number): JudgedRequest | undefined {
    const context = this.#contextOf(attack.target);
    const plan = attackPlan(attack, context);
    const { method, step } = automaticMethod(plan, context, lastSeenAt - attack.startedAt);
    if (method === 'none' && step === undefined) return undefined;
    const candidate = this.#candidate(attack.target, plan, attack.id);
    const judgement = this.#judge(candidate, method, now);
    const request: BanRequest = {
      ...this.#request(candidate, judgement, now),
      lastSeenAt,
      metric: attack.metric,
      rate: attack.rate,
      threshold: attack.threshold,
      escalationStep: step,
    };
    return { request, judgement };
  }

  /**
   * The FlowSpec rules that an active automatic ban should have for the attack as it is now. Undefined where they are
   * what it has, where it has no use for any, and where a guard refuses them: then the old ones stay.
   */
  otherRules(ban: Ban, attack: Attack, now: number): PlannedRules | undefined {
    if (ban.plan.routes.flowspec.length === 0) return undefined;
    const { routes, collateralShare } = attackPlan(attack, this.#contextOf(attack.target));
    const rules = routes.flowspec;
    if (rules.length === 0 || sameKeys(rules, ban.plan.routes.flowspec)) return undefined;
    const plan = { ...ban.plan, routes: { ...ban.plan.routes, flowspec: rules }, collateralShare };
    const verdicts = judgeMethod({ ...ban, plan }, 'flowspec', this.circumstancesOf(ban, now));
    return verdicts.every(({ ok }) => ok) ? { rules, collateralShare } : undefined;
  }

  /**
   * What the config in force makes of an active ban; undefined where nothing. Its method stays where the config still
   * has it. `attack` is the one on its target, if it is known.
   */
  afterReload(ban: Ban, attack: Attack | undefined, now: number): BanEvent | undefined {
    const context = this.#contextOf(ban.target);
    const { name, mitigation } = context.group;
    const plan = planAfterReload(ban, attack, context);
    if (plan === ban.plan && name === ban.group) return undefined;
    const own = ban.madeBy === 'operator' ? (ban.fellBackFrom ?? ban.method) : mitigation;
    const chosen = methodAfterReload({ ...ban, plan }, own, this.circumstancesOf(ban, now));
    if ('refusal' in chosen) {
      return { kind: 'mitigationOff', at: now, reason: `by the config in force, ${chosen.refusal}` };
    }
    return { kind: 'replanned', at: now, group: name, plan, ...chosen };
  }

  /**
   * A ban by hand; `attack` is the one on its target, if there is one. A refusal says what the operator can request
   * instead.
   */
  byHand(request: ManualBanRequest, attack: Attack | undefined, now: number): JudgedRequest {
    const { target, method, match, allowFallback = false, comment, operator, tenant } = request;
    const context = this.#contextOf(target);
    const ttlSeconds = request.ttlSeconds ?? manualTtlSeconds(context.group.ban.ttlSeconds, this.#scope.config.ban);
    const wish: ManualWish = { target, method, match, ttlSeconds, allowFallback };
    const candidate = this.#candidate(target, manualPlan(wish, attack, now, context));
    const judgement = this.#judge(candidate, manualMethod(wish, context.group), now);
    const bounded = { targetText: candidate.targetText, ttlSeconds, tenant };
    const bounds = judgeManualBounds(bounded, this.#commit.table.active(), this.#scope);
    const verdicts = [...judgement.verdicts, ...bounds];
    const refusedBy = judgement.refusedBy
      ? withAlternative(judgement.refusedBy, candidate.plan, judgement.method)
      : bounds.find(({ ok }) => !ok);
    const asked: BanRequest = { ...this.#request(candidate, judgement, now), madeBy: 'operator', comment, operator };
    return { request: asked, judgement: { ...judgement, verdicts, refusedBy } };
  }

  /** What the guards would say if the target were attacked now, by this attack or by no vector in particular. */
  supposedAttack(target: Address, attack: PlannedAttack | undefined, now: number): Judgement {
    const supposed = { target, startedAt: now, classification: UNKNOWN_VECTOR, sample: EMPTY_SAMPLE };
    const context = this.#contextOf(target);
    const plan = attackPlan(attack ?? supposed, context);
    const { method } = automaticMethod(plan, context, 0);
    return this.#judge(this.#candidate(target, plan), method, now);
  }

  /** What the guards of a target's ban depend on, counted as if it had none, because the new ban takes its place. */
  circumstancesOf({ targetText, dryRun }: Pick<Ban, 'targetText' | 'dryRun'>, now: number): Circumstances {
    const { table } = this.#commit;
    const announcer = this.#commit.announcerOf({ dryRun });
    return {
      now,
      scope: this.#scope,
      counts: table.counts.without(table.of(targetText)),
      starts: table.starts,
      bgpEndpoints: this.#bgpEndpoints,
      audience: (family) => announcer.audience(family),
    };
  }

  #enforce(config: Config): Scope {
    this.#commit.flowspecMaxRules = config.flowspecMaxRules;
    return new Scope(config);
  }

  #judge(candidate: Candidate, method: MitigationMethod, now: number): Judgement {
    return judge(candidate, method, this.circumstancesOf(candidate, now));
  }

  #contextOf(target: Address): PlanContext {
    const { config } = this.#scope;
    return { group: this.#scope.groupOf(target), dryRun: config.dryRun, whitelist: config.protectedWhitelist };
  }

  #candidate(target: Address, plan: BanPlan, attackId?: string): Candidate {
    return { target, targetText: formatAddress(target), dryRun: this.#scope.config.dryRun, attackId, plan };
  }

  /** What bans by hand and by detection have in common. */
  #request(candidate: Candidate, judgement: Judgement, now: number): BanRequest {
    const { method, fellBackFrom, fellBackReason } = judgement;
    return {
      ...candidate,
      id: this.#newId(),
      group: this.#scope.groupOf(candidate.target).name,
      madeBy: 'attack',
      startedAt: now,
      lastSeenAt: undefined,
      metric: undefined,
      rate: undefined,
      threshold: undefined,
      method,
      escalationStep: undefined,
      fellBackFrom,
      fellBackReason,
      comment: undefined,
      operator: undefined,
    };
  }
}

/** What answers an attack that was seen for so long: the rung due, or without a ladder the group's method. */
function automaticMethod(
  plan: BanPlan,
  { group }: PlanContext,
  seenForMs: number,
): { readonly method: MitigationMethod; readonly step: number | undefined } {
  const step = dueRung(plan, seenForMs);
  return step === undefined ? { method: group.mitigation, step } : { method: plan.ladder[step].action, step };
}

function sameKeys(a: readonly Route[], b: readonly Route[]): boolean {
  const keys = new Set(a.map(routeKey));
  return a.length === b.length && b.every((route) => keys.has(routeKey(route)));
}
