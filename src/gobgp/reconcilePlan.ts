/*
 * What has to be done to make GoBGP's RIB say what is wanted. Pure: two sets in, the differences out.
 */
import type { RibPath } from './ribPath.ts';
import type { RibSnapshot } from './ribSnapshot.ts';
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

/**
 * Our routes in the RIB that nobody wants, among them those under a wanted key whose path identifier is not the one
 * we use. A victim's old routes stay until all of its wanted ones are in (make before break); a victim without wanted
 * routes has nothing to wait for.
 */
export function routesToWithdraw(
  wanted: Wanted,
  rib: RibSnapshot,
  victimOf: (path: RibPath) => string,
  mayWithdraw: (key: string) => boolean,
): RibPath[] {
  const uncovered = new Set<string>();
  for (const route of wanted.values()) if (!route.isIn(rib)) uncovered.add(route.announcement.victim);
  return [...rib.allOurs()].filter((path) => {
    if (path.nlri === undefined) return false;
    if (wanted.has(path.key)) return path.identifier !== 0;
    return mayWithdraw(path.key) && !uncovered.has(victimOf(path));
  });
}

/** What is wrong with a wanted route that was confirmed before and that nobody changed since; undefined where nothing is. */
export function driftOf(route: WantedRoute, rib: RibSnapshot): Drift | undefined {
  const isConfirmed = route.encoded !== undefined && route.confirmedText === route.encoded.attributesText;
  if (!isConfirmed || route.isIn(rib)) return undefined;
  return rib.own(route.announcement.key) === undefined ? 'missing' : 'altered';
}
