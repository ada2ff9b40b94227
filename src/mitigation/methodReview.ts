/*
 * Whether an active ban should change its method now: climb its ladder, fall back from a method that no peer can hear,
 * or return to it. The ladder follows the time for which the attack was seen, so a quiet attack does not climb, and
 * after a pause the highest rung due comes at once.
 */
import type { MitigationMethod } from '../config/sections/mitigation.ts';
import type { Announcer } from './announcer.ts';
import type { Ban } from './ban.ts';
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
