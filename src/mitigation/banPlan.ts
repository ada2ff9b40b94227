/*
 * A ban's plan: everything it may come to announce, worked out from the config and the attack, and anew after a reload.
 */
import type { BgpConfig } from '../config/sections/bgp.ts';
import type { FlowspecConfig } from '../config/sections/flowspec.ts';
import type { GroupConfig } from '../config/sections/hostgroups.ts';
import type { MitigationMethod } from '../config/sections/mitigation.ts';
import type { ScrubbingConfig } from '../config/sections/scrubbing.ts';
import type { Attack } from '../engine/attack.ts';
import type { Address } from '../net/address.ts';
import { hostPrefix, type Prefix } from '../net/prefix.ts';
import type { Ban, BanPlan } from './ban.ts';
import { actionRate, collateralShare, flowspecRules, matchVictim } from './flowspecRules.ts';
import type { FlowspecMatch, Route, UnicastRoute } from './route.ts';

/** Weakest first. */
const STRENGTH: readonly MitigationMethod[] = ['none', 'flowspec', 'divert', 'blackhole'];

/** What a plan needs to know of an attack. */
export type PlannedAttack = Pick<Attack, 'target' | 'startedAt' | 'classification' | 'sample'>;

/** What an operator requested; the rest follows from the group. */
export interface ManualWish {
  readonly target: Address;
  readonly method: Exclude<MitigationMethod, 'none'> | undefined;
  readonly match: FlowspecMatch | undefined;
  readonly ttlSeconds: number | undefined;
  /** A blackhole may take the place of FlowSpec or divert; without it the ban is refused instead. */
  readonly allowFallback: boolean;
}

/** What a plan is made from besides the attack. A `dryRun` blackhole may lack its next hop, which is shown as unset. */
export interface PlanContext {
  readonly group: GroupConfig;
  readonly dryRun: boolean;
  /** Sources inside are never pinned by a rule. */
  readonly whitelist: readonly Prefix[];
}

/** The plan that answers an attack: the group's ladder, or its one method. */
export function attackPlan(attack: PlannedAttack, context: PlanContext): BanPlan {
  const { group } = context;
  const ladder = group.escalation;
  const methods = ladder.length > 0 ? ladder.map((rung) => rung.action) : [group.mitigation];
  return {
    ttlSeconds: group.ban.ttlSeconds,
    unbanHysteresisSeconds: group.ban.unbanHysteresisSeconds,
    fallback: group.ban.fallback,
    ladder,
    ladderStartedAt: attack.startedAt,
    ...plannedRoutes(attack.target, methods, group.ban.fallback, attack, undefined, context),
  };
}

/** The method a manual ban has where its operator names none: the match decides, then the strongest the group uses. */
export function manualMethod(wish: ManualWish, group: GroupConfig): Exclude<MitigationMethod, 'none'> {
  if (wish.method !== undefined) return wish.method;
  if (wish.match !== undefined) return 'flowspec';
  const used = group.escalation.length > 0 ? group.escalation.map((rung) => rung.action) : [group.mitigation];
  const strongest = used.reduce((a, b) => (STRENGTH.indexOf(b) > STRENGTH.indexOf(a) ? b : a));
  return strongest === 'none' ? 'blackhole' : strongest;
}

/**
 * The plan of a manual ban. It has no ladder. Without a match its rules are those of the attack going on, if one is.
 */
export function manualPlan(
  wish: ManualWish,
  attack: PlannedAttack | undefined,
  now: number,
  context: PlanContext,
): BanPlan {
  const { group } = context;
  // An operator gets what was requested, or an error: a wider route in its place could take the customer down.
  const fallback = wish.allowFallback ? 'blackhole' : 'none';
  return {
    ttlSeconds: wish.ttlSeconds ?? group.ban.ttlSeconds,
    unbanHysteresisSeconds: group.ban.unbanHysteresisSeconds,
    fallback,
    ladder: [],
    ladderStartedAt: now,
    ...plannedRoutes(wish.target, [manualMethod(wish, group)], fallback, attack, wish.match, context),
  };
}

/**
 * The plan of an active ban by the config in force. FlowSpec rules keep what they match, since a reload says nothing
 * about the attack; a ban that had none gets those of the attack, where its sample is still known, or the victim alone.
 * A ban by hand keeps its method, its TTL and whether it may fall back. What did not change is the same object as
 * before.
 */
export function planAfterReload(ban: Ban, attack: PlannedAttack | undefined, context: PlanContext): BanPlan {
  const { group } = context;
  const { plan, target } = ban;
  const isByHand = ban.madeBy === 'operator';
  const ladder = isByHand ? [] : group.escalation;
  const fallback = isByHand ? plan.fallback : group.ban.fallback;
  const own = isByHand ? [ban.fellBackFrom ?? ban.method] : [group.mitigation];
  const methods = ladder.length > 0 ? ladder.map((rung) => rung.action) : own;
  const { routes } = plannedRoutes(target, methods, fallback, attack, undefined, context);
  const rate = actionRate(group.flowspec);
  const kept = plan.routes.flowspec.map((rule) =>
    rule.kind === 'flowspec' ? { ...rule, rateBytesPerSecond: rate } : rule,
  );
  const flowspec = routes.flowspec.length > 0 && kept.length > 0 ? kept : routes.flowspec;
  const changed: BanPlan = {
    ttlSeconds: isByHand ? plan.ttlSeconds : group.ban.ttlSeconds,
    unbanHysteresisSeconds: group.ban.unbanHysteresisSeconds,
    fallback,
    ladder,
    ladderStartedAt: plan.ladderStartedAt,
    routes: unchanged(plan.routes, { ...routes, flowspec }),
    collateralShare: plan.collateralShare,
  };
  return unchanged(plan, changed);
}

/** `before` where `after` has the same values. Both are plain data. */
function unchanged<T extends object>(before: T, after: T): T {
  return sameValues(before, after) ? before : after;
}

/** Whether two plain values, such as plans or routes, are equal; an absent field equals one that is undefined. */
export function sameValues(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const fields = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...fields].every((name) =>
    sameValues((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]),
  );
}

/** The highest rung that is due once the attack was seen for `seenForMs`; undefined without a ladder. */
export function dueRung(plan: Pick<BanPlan, 'ladder'>, seenForMs: number): number | undefined {
  const rung = plan.ladder.findLastIndex(({ afterSeconds }) => afterSeconds * 1000 <= seenForMs);
  return plan.ladder.length === 0 ? undefined : Math.max(0, rung);
}

/** For how long a ban outlives the last sight of its attack, in milliseconds. */
export function holdMs(plan: BanPlan): number {
  return Math.max(plan.ttlSeconds, plan.unbanHysteresisSeconds) * 1000;
}

function plannedRoutes(
  target: Address,
  methods: readonly MitigationMethod[],
  fallback: BanPlan['fallback'],
  attack: PlannedAttack | undefined,
  match: FlowspecMatch | undefined,
  { group, dryRun, whitelist }: PlanContext,
): Pick<BanPlan, 'routes' | 'collateralShare'> {
  const mayFallBack = fallback === 'blackhole' && methods.some((method) => method !== 'none');
  const wants = (method: MitigationMethod) => methods.includes(method) || (method === 'blackhole' && mayFallBack);
  const flowspec = wants('flowspec') ? flowspecRoutes(target, attack, match, group.flowspec, whitelist) : [];
  const rules = flowspec.filter((route) => route.kind === 'flowspec');
  return {
    routes: {
      none: [],
      flowspec,
      divert: wants('divert') ? unicastRoutes('divert', target, group.scrubbing, dryRun) : [],
      blackhole: wants('blackhole') ? unicastRoutes('blackhole', target, group.bgp, dryRun) : [],
    },
    collateralShare: attack === undefined || rules.length === 0 ? undefined : collateralShare(rules, attack),
  };
}

function flowspecRoutes(
  target: Address,
  attack: PlannedAttack | undefined,
  match: FlowspecMatch | undefined,
  config: FlowspecConfig,
  whitelist: readonly Prefix[],
): Route[] {
  if (match === undefined && attack !== undefined) return flowspecRules(attack, config, whitelist);
  return [{ kind: 'flowspec', match: match ?? matchVictim(target), rateBytesPerSecond: actionRate(config) }];
}

/** The host route, or nothing where the config names no next hop of the family and so it could not be announced. */
function unicastRoutes(
  method: UnicastRoute['method'],
  target: Address,
  attributes: BgpConfig | ScrubbingConfig | undefined,
  dryRun: boolean,
): Route[] {
  const nextHop = (target.version === 4 ? attributes?.nextHop : attributes?.nextHop6) ?? '';
  if (nextHop === '' && !(dryRun && method === 'blackhole')) return [];
  return [
    {
      kind: 'unicast',
      method,
      prefix: hostPrefix(target),
      nextHop,
      communities: attributes?.communities ?? [],
      localPref: attributes?.localPref,
    },
  ];
}
