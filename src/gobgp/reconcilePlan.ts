/*
 * The routes that are wanted, and what must be changed to make GoBGP's RIB equal to them. Pure: two sets come in, the
 * differences go out.
 */
import { messageOf } from '../errors.ts';
import type { Announcement } from '../mitigation/announcer.ts';
import { type EncodedRoute, encodeRoute } from './encodeRoute.ts';
import { familyOfKey, type RibPath, type RibSnapshot } from './ribSnapshot.ts';
import type { Drift } from './routeConflicts.ts';
import { isFlowspecFamily, type WireLargeCommunity } from './wirePath.ts';

/**
 * One route that should be announced, as it is encoded for this daemon, and what was seen of it there. Times are clock
 * milliseconds.
 */
export class WantedRoute {
  announcement: Announcement;
  /** Undefined while the daemon's ASN is not known, and for a route the encoder refuses. */
  encoded: EncodedRoute | undefined;
  installed = false;
  confirmedAt: number | undefined;
  pendingSince: number | undefined;
  lastError: string | undefined;
  /** Attributes it was last confirmed with. A difference from these was not made by Kapkan. */
  confirmedText: string | undefined;
  /**
   * Attributes the RIB had right after others were written: the daemon's own policy changes them, and writing the route
   * again would change nothing.
   */
  policyText: string | undefined;

  constructor(announcement: Announcement, nowMs: number) {
    this.announcement = announcement;
    this.pendingSince = nowMs;
  }

  /** Encodes for a daemon of this mark; for a route that must not be sent, `lastError` says why. */
  encode(mark: WireLargeCommunity): void {
    try {
      this.encoded = encodeRoute(this.announcement.route, mark);
      this.lastError = undefined;
    } catch (error) {
      this.encoded = undefined;
      this.lastError = messageOf(error);
    }
  }

  /** Whether the RIB holds it with the attributes wanted. */
  isIn(rib: RibSnapshot): boolean {
    const text = rib.own(this.announcement.key)?.attributesText;
    return text !== undefined && (text === this.encoded?.attributesText || text === this.policyText);
  }

  saysTheSameAs(other: WantedRoute): boolean {
    return this.encoded !== undefined && this.encoded.attributesText === other.encoded?.attributesText;
  }

  confirm(nowMs: number): void {
    this.installed = true;
    this.confirmedAt = nowMs;
    this.confirmedText = this.encoded?.attributesText;
    this.pendingSince = undefined;
    if (this.policyText === undefined) this.lastError = undefined;
  }

  /** It is wanted and not in the RIB. */
  lose(nowMs: number): void {
    this.installed = false;
    this.pendingSince ??= nowMs;
  }
}

export type Wanted = ReadonlyMap<string, WantedRoute>;

/** The wanted routes that are not in the RIB as wanted and can be put there. */
export function routesToAnnounce(wanted: Iterable<WantedRoute>, rib: RibSnapshot): WantedRoute[] {
  return [...wanted].filter(
    (route) => route.encoded !== undefined && !route.isIn(rib) && !rib.isForeign(route.announcement.key),
  );
}

/** Which of our routes in the RIB a pass may withdraw, and which victim each protects. */
export interface WithdrawalScope {
  readonly victimOf: (path: RibPath) => string;
  readonly mayWithdraw: (key: string) => boolean;
}

/** Our routes of victims that want none. They are withdrawn first, before new routes take their place. */
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
 * What is left to withdraw after everything was announced, also paths of wanted routes under another path identifier
 * than ours. A victim's obsolete routes stay while one of its wanted ones is missing (make before break).
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

/**
 * How a wanted route differs that was confirmed before and not changed by Kapkan since; undefined where it does not.
 */
export function driftOf(route: WantedRoute, rib: RibSnapshot): Drift | undefined {
  const isConfirmed = route.encoded !== undefined && route.confirmedText === route.encoded.attributesText;
  if (!isConfirmed || route.isIn(rib)) return undefined;
  return rib.own(route.announcement.key) === undefined ? 'missing' : 'altered';
}
