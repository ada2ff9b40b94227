/*
 * Which active bans a changed config no longer allows, and what must happen to each. A restart asks the same question,
 * since the config may have changed while Kapkan was down.
 */
import type { Ban } from './ban.ts';
import { BanCounts } from './banCounts.ts';
import type { BanEvent } from './banMachine.ts';
import { judgeActiveCaps, mayFallBack, whitelistedByPlan } from './guards.ts';
import type { Scope } from './scope.ts';

export interface OverruledBan {
  readonly ban: Ban;
  readonly event: BanEvent;
}

/** Bans that the config in force does not allow at all. */
export function forbiddenBans(bans: readonly Ban[], scope: Scope, now: number): OverruledBan[] {
  return bans.flatMap((ban) => {
    const event = forbidden(ban, scope, now);
    return event === undefined ? [] : [{ ban, event }];
  });
}

/**
 * Bans for which the caps in force have no room. They are admitted anew in this order: bans by hand first, then
 * the ones that have lasted longest. So the newest automatic ones end.
 */
export function bansOverCaps(bans: readonly Ban[], scope: Scope, now: number): OverruledBan[] {
  const overruled: OverruledBan[] = [];
  const counts = new BanCounts();
  const ranked = bans.toSorted((a, b) => Number(isByHand(b)) - Number(isByHand(a)) || a.startedAt - b.startedAt);
  for (const ban of ranked) {
    const event = overCap(ban, counts, scope, now);
    if (event !== undefined) overruled.push({ ban, event });
    // A ban that loses its FlowSpec rules becomes a blackhole and counts as one.
    if (event === undefined) counts.add(ban);
    else if (event.kind === 'methodLost')
      counts.add({ ...ban, method: 'blackhole', routes: ban.plan.routes.blackhole });
  }
  return overruled;
}

function isByHand(ban: Ban): boolean {
  return ban.madeBy === 'operator';
}

function forbidden(ban: Ban, scope: Scope, at: number): BanEvent | undefined {
  const { dryRun } = scope.config;
  if (ban.dryRun !== dryRun) return { kind: 'dryRunChanged', at, dryRun };
  if (!scope.isProtected(ban.target)) return { kind: 'networkRemoved', at };
  const entry = scope.whitelistEntry(ban.target);
  if (entry !== undefined)
    return { kind: 'whitelisted', at, reason: `${ban.targetText} is whitelisted by ${entry.text}` };
  const covered = whitelistedByPlan(ban.plan, scope);
  return covered === undefined ? undefined : { kind: 'whitelisted', at, reason: covered };
}

function overCap(ban: Ban, counts: BanCounts, scope: Scope, at: number): BanEvent | undefined {
  const broken = judgeActiveCaps(ban, { scope, counts }, scope.groupNamed(ban.group)).find(({ ok }) => !ok);
  if (broken !== undefined) return { kind: 'capLowered', at, reason: `${broken.guard}: ${broken.reason}` };
  const rules = ban.method === 'flowspec' ? ban.routes.length : 0;
  const max = scope.config.flowspecMaxRules;
  if (counts.flowspecRules() + rules <= max) return undefined;
  const reason = `flowspec_max_rules: ${counts.flowspecRules()} in use by others, at most ${max} allowed`;
  const hasBlackhole = mayFallBack(ban.plan, ban.method) && ban.plan.routes.blackhole.length > 0;
  return hasBlackhole ? { kind: 'methodLost', at, reason } : { kind: 'capLowered', at, reason };
}
