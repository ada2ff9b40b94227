/*
 * Which of the marked routes in GoBGP `withdraw --expired` takes out, by what the state file says.
 */
import { routeKey } from '../mitigation/routeText.ts';
import { mayBelongToDamaged, type StoredState } from '../storage/storedState.ts';
import { keysInForce } from './keysInForce.ts';

/**
 * Chooses the routes that belong to no real ban in force. A live Kapkan may share GoBGP and the mark with an instance in
 * dry-run, so with `onlyKnown` a route must also belong to a real ban that ended by the state file.
 */
export function expiredRoutes(state: StoredState, now: number, onlyKnown: boolean): (key: string) => boolean {
  const kept = keysInForce(state.bans, now);
  const known = new Set<string>();
  for (const ban of state.bans) {
    if (ban.dryRun || ban.state === 'rejected') continue;
    for (const route of [...ban.routes, ...Object.values(ban.plan.routes).flat()]) known.add(routeKey(route));
  }
  return (key) => {
    if (kept.has(key) || mayBelongToDamaged(key, state.damaged, now)) return false;
    return !onlyKnown || known.has(key);
  };
}
