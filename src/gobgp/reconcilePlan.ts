/*
 * What has to be done to make GoBGP's RIB say what is wanted. Pure: two sets in, the differences out.
 */
import type { RibPath } from './ribPath.ts';
import { familyOfKey, type RibSnapshot } from './ribSnapshot.ts';
import { isFlowspecFamily } from './routeFamilies.ts';
import type { WantedRoute } from './wantedRoute.ts';

/** What was found wrong with a route that had been in order. */
export type Drift = 'missing' | 'orphan' | 'altered';

export type Wanted = ReadonlyMap<string, WantedRoute>;

/** The wanted routes that are not in the RIB as wanted and can be put there. */
export function routesToAnnounce(wanted: Iterable<WantedRoute>, rib: RibSnapshot): WantedRoute[] {
  return [...wanted].filter(
    (route) => route.encoded !== undefined && !route.isIn(rib) && !rib.isForeign(route.announcement.key),
  );
}

/** Which of our routes in the RIB a pass may withdraw, and whom each protects. */
export interface WithdrawalScope {
  readonly victimOf: (path: RibPath) => string;
  readonly mayWithdraw: (key: string) => boolean;
}

/** Our routes of victims that want none: nothing waits for them, and they go before anything new takes their place. */
export function routesOfOtherVictims(wanted: Wanted, rib: RibSnapshot, scope: WithdrawalScope): RibPath[] {
  const victims = new Set(Array.from(wanted.values(), (route) => route.announcement.victim));
  return obsoleteRoutes(wanted, rib, scope).filter(
    (path) => !wanted.has(path.key) && !victims.has(scope.victimOf(path)),
  );
}

/**
 * Our obsolete rules that must go before these routes are announced, because peers have no room for both. As few as
 * possible, since their victims are less protected in between.
 */
export function rulesWithoutRoom(
  announced: readonly WantedRoute[],
  wanted: Wanted,
  rib: RibSnapshot,
  scope: WithdrawalScope,
  maxRules: number,
): RibPath[] {
  const isRule = (key: string): boolean => isFlowspecFamily(familyOfKey(key));
  const held = rib.ourKeys().filter(isRule).length;
  const added = announced.filter(({ announcement: { key } }) => isRule(key) && rib.ours(key).length === 0).length;
  const excess = held + added - maxRules;
  if (excess <= 0) return [];
  const obsolete = obsoleteRoutes(wanted, rib, scope).filter(({ key }) => isRule(key) && !wanted.has(key));
  return obsolete.slice(0, excess);
}

/**
 * What is left to withdraw once all was announced, also paths of wanted routes under another path identifier than ours.
 * A victim's obsolete routes stay while one of its wanted ones is missing (make before break).
 */
export function routesToWithdraw(wanted: Wanted, rib: RibSnapshot, scope: WithdrawalScope): RibPath[] {
  const uncovered = new Set<string>();
  for (const route of wanted.values()) if (!route.isIn(rib)) uncovered.add(route.announcement.victim);
  return obsoleteRoutes(wanted, rib, scope).filter(
    (path) => wanted.has(path.key) || !uncovered.has(scope.victimOf(path)),
  );
}

function obsoleteRoutes(wanted: Wanted, rib: RibSnapshot, { mayWithdraw }: WithdrawalScope): RibPath[] {
  return [...rib.allOurs()].filter((path) => {
    if (path.nlri === undefined) return false;
    return wanted.has(path.key) ? path.identifier !== 0 : mayWithdraw(path.key);
  });
}

/** What is wrong with a wanted route that was confirmed before and that nobody changed since; undefined where nothing is. */
export function driftOf(route: WantedRoute, rib: RibSnapshot): Drift | undefined {
  const isConfirmed = route.encoded !== undefined && route.confirmedText === route.encoded.attributesText;
  if (!isConfirmed || route.isIn(rib)) return undefined;
  return rib.own(route.announcement.key) === undefined ? 'missing' : 'altered';
}
