/*
 * Which routes belong to bans in force by the state file: `withdraw --expired` must not touch them.
 */
import type { Ban } from '../mitigation/ban.ts';
import { routeKey } from '../mitigation/routeText.ts';

/**
 * Keys of all routes of real bans that have not run out at `now` (epoch milliseconds). They are all routes of a ban's
 * plan: when it takes the next step of its escalation, the earlier route stays announced until the next one is.
 */
export function keysInForce(bans: readonly Ban[], now: number): Set<string> {
  const keys = new Set<string>();
  for (const ban of bans) {
    if (ban.state !== 'active' || ban.dryRun || ban.expiresAt <= now) continue;
    for (const route of [...ban.routes, ...Object.values(ban.plan.routes).flat()]) keys.add(routeKey(route));
  }
  return keys;
}
