/*
 * The safety rules, each as a question that can be asked without acting: may this target be banned, may this method be
 * used for it? Detection, operators, reloads and restarts all pass through here, and `replay` and `explain` print the
 * answers. Where the target is refused, there is no ban. Where a method is refused, a blackhole may take its place, if
 * the group's config says so.
 */
import type { BanLimits } from '../config/sections/ban.ts';
import type { GroupConfig } from '../config/sections/hostgroups.ts';
import type { MitigationMethod } from '../config/sections/mitigation.ts';
import type { Address } from '../net/address.ts';
import type { BanPlan, Guard } from './ban.ts';
import { type BanStarts, type BanTally, startKey } from './banCounts.ts';
import { bgpSessionProblem, flowspecProblem } from './harmlessFlowspec.ts';
import { type RouteFamily, routeFamily } from './route.ts';
import type { Scope } from './scope.ts';

export interface GuardVerdict {
  readonly guard: Guard;
  readonly ok: boolean;
  /** For a person: what was compared with what. */
  readonly reason: string;
}

/** What is asked about. */
export interface Candidate {
  readonly target: Address;
  readonly targetText: string;
  readonly dryRun: boolean;
  /** The attack that the ban would answer; undefined for a ban by hand. */
  readonly attackId: string | undefined;
  readonly plan: BanPlan;
}

/** The state of the world that the answers depend on. */
export interface Circumstances {
  readonly now: number;
  readonly scope: Scope;
  /** Without the ban, if any, that this one would replace. */
  readonly counts: BanTally;
  readonly starts: BanStarts;
  /** Addresses of GoBGP and its peers. */
  readonly bgpEndpoints: () => readonly Address[];
  /** Whether some peer can be sent routes of a family. */
  readonly audience: (family: RouteFamily) => 'some' | 'none' | 'unknown';
}

/** Whether a ban is admitted, by which method, and what every guard said about it. */
export interface Judgement {
  readonly verdicts: readonly GuardVerdict[];
  /** The guard that refuses the ban; undefined where it is admitted. */
  readonly refusedBy: GuardVerdict | undefined;
  /** The method in force at first. */
  readonly method: MitigationMethod;
  readonly fellBackFrom: MitigationMethod | undefined;
  readonly fellBackReason: string | undefined;
}

/** Judges a ban that would begin with `method`. */
export function judge(candidate: Candidate, method: MitigationMethod, circumstances: Circumstances): Judgement {
  const forTarget = judgeTarget(candidate, circumstances);
  const forMethod = judgeMethod(candidate, method, circumstances);
  const verdicts = [...forTarget, ...forMethod];
  const refused = forTarget.find(({ ok }) => !ok);
  const unusable = forMethod.find(({ ok }) => !ok);
  if (refused !== undefined || unusable === undefined) {
    return { verdicts, refusedBy: refused, method, fellBackFrom: undefined, fellBackReason: undefined };
  }
  if (!mayFallBack(candidate.plan, method) || unusable.guard === 'harmless') {
    return { verdicts, refusedBy: unusable, method, fellBackFrom: undefined, fellBackReason: undefined };
  }
  const blackholeProblem = judgeMethod(candidate, 'blackhole', circumstances).find(({ ok }) => !ok);
  return {
    verdicts,
    refusedBy: blackholeProblem,
    method: 'blackhole',
    fellBackFrom: method,
    fellBackReason: unusable.reason,
  };
}

/** Whether the plan lets a blackhole take the place of this method. */
export function mayFallBack(plan: BanPlan, method: MitigationMethod): boolean {
  return plan.fallback === 'blackhole' && (method === 'flowspec' || method === 'divert');
}

/** The guards that ask about the target, whatever is done to it. */
function judgeTarget(candidate: Candidate, circumstances: Circumstances): GuardVerdict[] {
  return [
    judgeNetworks(candidate, circumstances.scope),
    judgeWhitelist(candidate, circumstances.scope),
    ...judgeActiveCaps(candidate, circumstances),
    judgeWindow(candidate, circumstances),
  ];
}

/** The guards that ask about one method. */
export function judgeMethod(
  { plan, target }: Pick<Candidate, 'plan' | 'target'>,
  method: MitigationMethod,
  circumstances: Circumstances,
): GuardVerdict[] {
  const routes = plan.routes[method];
  const { scope, bgpEndpoints } = circumstances;
  const harm = flowspecProblem(routes, scope) ?? bgpSessionProblem(routes, bgpEndpoints());
  const verdicts: GuardVerdict[] = [verdict('harmless', harm === undefined, harm ?? 'touches no BGP session')];
  if (method === 'blackhole' || method === 'divert') {
    const key = `${method === 'divert' ? 'scrubbing' : 'bgp'}.${target.version === 4 ? 'next_hop' : 'next_hop6'}`;
    const [route] = routes;
    const nextHop = route?.kind === 'unicast' ? route.nextHop : '';
    const unset = route === undefined ? `${key} is not set` : `${key} is not set, needed once dry_run is off`;
    verdicts.push(verdict('next_hop', route !== undefined, nextHop === '' ? unset : `${key} is ${nextHop}`));
  }
  if (method === 'flowspec') verdicts.push(judgeRuleBudget(routes.length, circumstances));
  if (routes.length > 0) verdicts.push(judgeAudience(routeFamily(routes[0]), circumstances));
  return verdicts;
}

/** `max_active_bans` and `max_banned_fraction`, of all bans and of the group's. */
export function judgeActiveCaps(
  { target }: Pick<Candidate, 'target'>,
  { scope, counts }: Pick<Circumstances, 'scope' | 'counts'>,
  group: GroupConfig | undefined = scope.groupOf(target),
): GuardVerdict[] {
  const { version } = target;
  const total = scope.config.ban;
  const whole = { limits: total, name: undefined, addresses: scope.protectedAddresses(version) };
  const own = group && { limits: group.ban.limits, name: group.name, addresses: scope.groupAddresses(group, version) };
  const active: GuardVerdict[] = [];
  const fraction: GuardVerdict[] = [];
  for (const { limits, name, addresses } of own === undefined ? [whole] : [whole, own]) {
    const bans = counts.active(name);
    const banned = counts.activeOfFamily(version, name) + 1;
    const cap = limits.maxActiveBans;
    active.push(verdict('max_active_bans', bans < cap, `${bans} bans active${ofGroup(name)}, ${capText(cap)}`));
    const share = `${banned} of ${addresses} IPv${version} addresses banned${ofGroup(name)}`;
    const allowed = limits.maxBannedFraction;
    fraction.push(
      verdict('max_banned_fraction', banned <= allowed * addresses, `${share}, at most ${allowed} allowed`),
    );
  }
  return [strictest(active), strictest(fraction)];
}

function judgeNetworks({ target, targetText }: Candidate, scope: Scope): GuardVerdict {
  const inside = scope.isProtected(target);
  return verdict('scope', inside, `${targetText} is ${inside ? 'inside' : 'outside'} the protected networks`);
}

/** Not the target and not any route of the plan, now or on a later rung, may cover a whitelisted address. */
function judgeWhitelist({ target, targetText, plan }: Candidate, scope: Scope): GuardVerdict {
  const entry = scope.whitelistEntry(target);
  if (entry !== undefined) return verdict('whitelist', false, `${targetText} is whitelisted by ${entry.text}`);
  const covered = whitelistedByPlan(plan, scope);
  return verdict('whitelist', covered === undefined, covered ?? 'covers no whitelisted address');
}

/** What in the plan covers a whitelisted address, for a person; undefined where nothing does. */
export function whitelistedByPlan(plan: BanPlan, scope: Scope): string | undefined {
  for (const route of Object.values(plan.routes).flat()) {
    const prefixes = route.kind === 'unicast' ? [route.prefix] : [route.match.destination, route.match.source];
    for (const prefix of prefixes) {
      const entry = prefix && scope.whitelistOverlap(prefix);
      if (entry !== undefined) return `${prefix?.text} covers what is whitelisted by ${entry.text}`;
    }
  }
  return undefined;
}

function judgeWindow(candidate: Candidate, { now, scope, starts }: Circumstances): GuardVerdict {
  const { target, dryRun, attackId } = candidate;
  // An attack that had a ban before counts already.
  const own = attackId === undefined ? undefined : startKey({ id: '', attackId, dryRun });
  const group = scope.groupOf(target);
  const judged = [
    { limits: scope.config.ban, name: undefined },
    { limits: group.ban.limits, name: group.name },
  ].map(({ limits, name }) => judgeStarts(limits, name, starts, now, dryRun, own));
  return strictest(judged);
}

function judgeStarts(
  limits: BanLimits,
  group: string | undefined,
  starts: BanStarts,
  now: number,
  dryRun: boolean,
  own: string | undefined,
): GuardVerdict {
  const { maxBansPerWindow: cap, banWindowSeconds } = limits;
  if (cap === Number.POSITIVE_INFINITY) return verdict('max_bans_per_window', true, `no cap${ofGroup(group)}`);
  const started = starts.startedAfter(now - banWindowSeconds * 1000, dryRun, group, own);
  const text = `${started} bans began in the last ${banWindowSeconds} s${ofGroup(group)}, ${capText(cap)}`;
  return verdict('max_bans_per_window', started < cap, text);
}

function judgeRuleBudget(wanted: number, { scope, counts }: Circumstances): GuardVerdict {
  const max = scope.config.flowspecMaxRules;
  const used = counts.flowspecRules();
  const text = `${wanted} FlowSpec rules wanted, ${used} in use, ${capText(max)}`;
  return verdict('flowspec_max_rules', used + wanted <= max, text);
}

/**
 * A family that no peer negotiated is of no use, if there are peers that can be sent the address in the unicast family.
 * While no peer can be sent anything, or GoBGP cannot be asked, another method would not help.
 */
function judgeAudience(family: RouteFamily, { audience }: Circumstances): GuardVerdict {
  const unicast: RouteFamily = family.startsWith('ipv4') ? 'ipv4-unicast' : 'ipv6-unicast';
  const isOfNoUse = family !== unicast && audience(family) === 'none' && audience(unicast) === 'some';
  const who = audience(family) === 'some' ? 'a peer negotiated' : 'no peer to ask about';
  return verdict('audience', !isOfNoUse, isOfNoUse ? `no established peer negotiated ${family}` : `${who} ${family}`);
}

function verdict(guard: Guard, ok: boolean, reason: string): GuardVerdict {
  return { guard, ok, reason };
}

/** The first that refuses, else the first. */
function strictest(verdicts: readonly GuardVerdict[]): GuardVerdict {
  return verdicts.find(({ ok }) => !ok) ?? verdicts[0];
}

function capText(cap: number): string {
  return cap === Number.POSITIVE_INFINITY ? 'no cap' : `at most ${cap} allowed`;
}

function ofGroup(name: string | undefined): string {
  return name === undefined ? '' : ` in group ${name}`;
}
