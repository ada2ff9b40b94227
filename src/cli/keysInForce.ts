/*
 * Which routes the state file speaks for at a moment: those that `withdraw --expired` must leave alone.
 */
import type { Ban } from '../mitigation/ban.ts';
import { routeKey } from '../mitigation/routeText.ts';

/**
 * Keys of all routes of real bans that have not run out at `now` (epoch milliseconds). A ban speaks for every route of
 * its plan: while it climbs its ladder, the route it leaves is still announced until the next is.
 */
export function keysInForce(bans: readonly Ban[], now: number): Set<string> {
  const keys = new Set<string>();
  for (const ban of bans) {
    if (ban.state !== 'active' || ban.dryRun || ban.expiresAt <= now) continue;
    for (const route of [...ban.routes, ...Object.values(ban.plan.routes).flat()]) keys.add(routeKey(route));
  }
  return keys;
}
