/*
 * Whether an active ban should change its method now: climb its ladder, fall back from a method that no peer can be
 * sent, or return to it. The ladder follows the time for which the attack was seen, so a quiet attack does not climb,
 * and after a pause the highest rung due comes at once.
 */
import type { MitigationMethod } from '../config/sections/mitigation.ts';
import type { Announcer, RouteEvidence } from './announcer.ts';
import type { Ban, BanPlan } from './ban.ts';
import type { BanEvent, MethodChange } from './banMachine.ts';
import { dueRung } from './banPlan.ts';
import { type Circumstances, type GuardVerdict, judgeMethod, mayFallBack } from './guards.ts';
import { routeFamily, routeKey } from './route.ts';

/** Sent to no peer, or refused by GoBGP, for this long: fall back. */
const LOST_AFTER_MS = 3000;

/** Usable again for this long: return. */
const BACK_AFTER_MS = 10_000;

interface Health {
  /** Since when the method in force is unusable, or the one fallen back from usable. */
  since: number | undefined;
  /** GoBGP would not take the method's routes; asking again would get the same answer. */
  refused: boolean;
}

/**
 * What was observed of each active ban: whether a peer is sent the routes of a ban's method, damped. A BGP session that
 * bounces must not make routes bounce: a method is given up only after no peer was sent it for a while, and used again
 * only after a peer was sent it for longer.
 */
export class MethodHealth {
  #byBan = new Map<string, Health>();

  /** Whether a condition has held for `forMs` without a break; call it at every tick. */
  holdsFor(ban: Ban, condition: boolean, forMs: number, now: number): boolean {
    const health = this.#of(ban.id);
    if (!condition) {
      health.since = undefined;
      return false;
    }
    health.since ??= now;
    if (now - health.since < forMs) return false;
    health.since = undefined;
    return true;
  }

  /**
   * Why GoBGP, which can be reached, does not take the ban's routes; undefined where it did or may yet. A route that
   * somebody else has there already is no refusal: its owner handles what it matches, and nobody wanted a wider route.
   * A route that another program withdraws is no refusal either.
   */
  refusal(ban: Ban, announcer: Announcer): string | undefined {
    for (const evidence of evidences(ban, announcer)) {
      if (evidence.heldBack !== undefined) return undefined;
      if (evidence.isForeign || evidence.isInConflict) continue;
      if (!evidence.installed && evidence.lastError !== undefined) return `GoBGP refused: ${evidence.lastError}`;
    }
    return undefined;
  }

  /** The method was refused and is not to be tried again for this ban. */
  giveUp(ban: Ban): void {
    this.#of(ban.id).refused = true;
  }

  gaveUp(ban: Ban): boolean {
    return this.#of(ban.id).refused;
  }

  /** The wall clock was set; the times held move with it. */
  clockStepped(deltaMs: number): void {
    for (const health of this.#byBan.values()) {
      if (health.since !== undefined) health.since += deltaMs;
    }
  }

  forget(ban: Ban): void {
    this.#byBan.delete(ban.id);
  }

  #of(banId: string): Health {
    let health = this.#byBan.get(banId);
    if (health === undefined) {
      health = { since: undefined, refused: false };
      this.#byBan.set(banId, health);
    }
    return health;
  }
}

/** What is known of each route of a ban. */
export function evidences(ban: Ban, announcer: Announcer): RouteEvidence[] {
  return ban.routes.map((route) => announcer.evidence(routeKey(route)));
}

/** The event to send, if any. `circumstances` count without this ban. To be asked at every tick: it damps by time. */
export function reviewMethod(
  ban: Ban,
  circumstances: Circumstances,
  announcer: Announcer,
  health: MethodHealth,
): BanEvent | undefined {
  return (
    climb(ban, circumstances) ??
    (ban.fellBackFrom === undefined
      ? fallBack(ban, circumstances, announcer, health)
      : comeBack(ban, ban.fellBackFrom, circumstances, announcer, health))
  );
}

function climb(ban: Ban, circumstances: Circumstances): BanEvent | undefined {
  if (ban.lastSeenAt === undefined) return undefined;
  const step = dueRung(ban.plan, ban.lastSeenAt - ban.plan.ladderStartedAt);
  if (step === undefined || step <= (ban.escalationStep ?? 0)) return undefined;
  const change = usable(ban, ban.plan.ladder[step].action, circumstances);
  return change && { kind: 'rungDue', at: circumstances.now, step, ...change };
}

/**
 * How a rung can come into force: by its method, or by a blackhole in its place; undefined where neither is possible.
 */
function usable(ban: Ban, method: MitigationMethod, circumstances: Circumstances): MethodChange | undefined {
  const problem = firstProblem(ban, method, circumstances);
  if (problem === undefined) return { method, fellBackFrom: undefined, fellBackReason: undefined };
  const hasBlackhole = mayFallBack(ban.plan, method) && firstProblem(ban, 'blackhole', circumstances) === undefined;
  return hasBlackhole ? { method: 'blackhole', fellBackFrom: method, fellBackReason: problem.reason } : undefined;
}

/**
 * The method of an active ban under a plan that changed. The one in force stays where the plan still has it; a ladder
 * only holds or strengthens, so it may stay on a rung that is not due yet. Else it is the highest rung due that can be
 * used; what is announced gives way to nothing only where the plan has nothing else. `own` is the method without a
 * ladder. A refusal says why nothing of the plan can be used.
 */
export function methodAfterReload(
  ban: Ban,
  own: MitigationMethod,
  circumstances: Circumstances,
): (MethodChange & { readonly escalationStep: number | undefined }) | { readonly refusal: string } {
  const { plan } = ban;
  const rungs = rungsByPreference(plan, (ban.lastSeenAt ?? ban.startedAt) - plan.ladderStartedAt);
  if (rungs.length === 0 && own === 'none') return { refusal: 'attacks on this group are not mitigated' };
  const choices = rungs.length === 0 ? [{ action: own, escalationStep: undefined }] : rungs;
  const wished = ban.fellBackFrom ?? ban.method;
  const kept = choices.find(({ action }) => action === wished && isStillUsable(ban));
  if (kept !== undefined) return { ...methodOf(ban), escalationStep: kept.escalationStep };
  const isAnnounced = ban.routes.length > 0;
  const ordered = isAnnounced
    ? choices.toSorted((a, b) => Number(a.action === 'none') - Number(b.action === 'none'))
    : choices;
  for (const { action, escalationStep } of ordered) {
    const change = usable(ban, action, circumstances);
    if (change !== undefined) return { ...change, escalationStep };
  }
  const problem = firstProblem(ban, choices[0].action, circumstances);
  return { refusal: problem === undefined ? 'nothing can be announced' : `${problem.guard}: ${problem.reason}` };
}

/** The rung due, those below it from above, then those above it. */
function rungsByPreference(plan: BanPlan, seenForMs: number) {
  const due = dueRung(plan, seenForMs) ?? 0;
  const rungs = plan.ladder.map(({ action }, escalationStep) => ({ action, escalationStep }));
  return [...rungs.slice(0, due + 1).reverse(), ...rungs.slice(due + 1)];
}

/** Whether the plan has routes for the method in force, and lets it stand in for another where it does. */
function isStillUsable({ plan, method, fellBackFrom }: Ban): boolean {
  if (fellBackFrom !== undefined && !mayFallBack(plan, fellBackFrom)) return false;
  return method === 'none' || plan.routes[method].length > 0;
}

function methodOf({ method, fellBackFrom, fellBackReason }: Ban): MethodChange {
  return { method, fellBackFrom, fellBackReason };
}

function fallBack(
  ban: Ban,
  circumstances: Circumstances,
  announcer: Announcer,
  health: MethodHealth,
): BanEvent | undefined {
  if (!mayFallBack(ban.plan, ban.method)) return undefined;
  const unsent = judgeMethod(ban, ban.method, circumstances).find(({ guard, ok }) => guard === 'audience' && !ok);
  // An error of a daemon that cannot be reached says nothing about the route.
  const reachable = announcer.audience(routeFamily(ban.routes[0])) !== 'unknown';
  const refusal = reachable ? health.refusal(ban, announcer) : undefined;
  const reason = unsent?.reason ?? refusal;
  if (!health.holdsFor(ban, reason !== undefined, LOST_AFTER_MS, circumstances.now) || reason === undefined)
    return undefined;
  if (firstProblem(ban, 'blackhole', circumstances) !== undefined) return undefined;
  if (refusal !== undefined) health.giveUp(ban);
  return { kind: 'methodLost', at: circumstances.now, reason };
}

function comeBack(
  ban: Ban,
  method: MitigationMethod,
  circumstances: Circumstances,
  announcer: Announcer,
  health: MethodHealth,
): BanEvent | undefined {
  const [route] = ban.plan.routes[method];
  if (route === undefined || health.gaveUp(ban)) return undefined;
  const canBeSent = announcer.audience(routeFamily(route)) === 'some';
  const back = canBeSent && firstProblem(ban, method, circumstances) === undefined;
  if (!health.holdsFor(ban, back, BACK_AFTER_MS, circumstances.now)) return undefined;
  return { kind: 'methodBack', at: circumstances.now };
}

function firstProblem(ban: Ban, method: MitigationMethod, circumstances: Circumstances): GuardVerdict | undefined {
  return judgeMethod(ban, method, circumstances).find(({ ok }) => !ok);
}
