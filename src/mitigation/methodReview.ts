/*
 * Whether an active ban should change its method now: climb its ladder, fall back from a method that no peer can hear,
 * or return to it. The ladder follows the time for which the attack was seen, so a quiet attack does not climb, and
 * after a pause the highest rung due comes at once.
 */
import type { MitigationMethod } from '../config/sections/mitigation.ts';
import type { Announcer } from './announcer.ts';
import type { Ban, BanPlan } from './ban.ts';
import type { BanEvent, MethodChange } from './banMachine.ts';
import { dueRung } from './banPlan.ts';
import { type Circumstances, type GuardVerdict, judgeMethod, mayFallBack } from './guards.ts';
import { BACK_AFTER_MS, LOST_AFTER_MS, type MethodHealth } from './methodHealth.ts';
import { routeFamily } from './route.ts';

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

/** How a rung can be put in force: by its method, or by a blackhole in its place; undefined where neither can be had. */
function usable(ban: Ban, method: MitigationMethod, circumstances: Circumstances): MethodChange | undefined {
  const problem = firstProblem(ban, method, circumstances);
  if (problem === undefined) return { method, fellBackFrom: undefined, fellBackReason: undefined };
  const hasBlackhole = mayFallBack(ban.plan, method) && firstProblem(ban, 'blackhole', circumstances) === undefined;
  return hasBlackhole ? { method: 'blackhole', fellBackFrom: method, fellBackReason: problem.reason } : undefined;
}

/**
 * The method of an active ban under a plan that changed. The one in force stays where the plan still has it; a ladder only
 * holds or strengthens, so it stays on a rung that is not due yet too. Else it is the highest rung due that can be used;
 * what is announced gives way to nothing only where the plan has nothing else. `own` is the method without a ladder. A
 * refusal says why nothing of the plan can be used.
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
  const unheard = judgeMethod(ban, ban.method, circumstances).find(({ guard, ok }) => guard === 'audience' && !ok);
  // An error of a daemon that cannot be reached says nothing about the route.
  const reachable = announcer.audience(routeFamily(ban.routes[0])) !== 'unknown';
  const refusal = reachable ? health.refusal(ban, announcer) : undefined;
  const reason = unheard?.reason ?? refusal;
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
  const heard = announcer.audience(routeFamily(route)) === 'some';
  const back = heard && firstProblem(ban, method, circumstances) === undefined;
  if (!health.holdsFor(ban, back, BACK_AFTER_MS, circumstances.now)) return undefined;
  return { kind: 'methodBack', at: circumstances.now };
}

function firstProblem(ban: Ban, method: MitigationMethod, circumstances: Circumstances): GuardVerdict | undefined {
  return judgeMethod(ban, method, circumstances).find(({ ok }) => !ok);
}
