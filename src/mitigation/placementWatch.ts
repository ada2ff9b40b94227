/*
 * Watches where the routes of real bans are: stored, in GoBGP's RIB, sent to peers. It compares what the announcer
 * knows at every tick with the tick before and reports each change once.
 */
import type { RouteEvidence } from './announcer.ts';
import type { Ban } from './ban.ts';

/** Announced and not seen in the RIB for this long: worth an event. GoBGP usually confirms within 20 ms. */
export const UNCONFIRMED_AFTER_MS = 1000;

/** Wanted for this long and not in the RIB, or sent to no peer: the ban protects nobody. */
export const FAILED_AFTER_MS = 10_000;

/** Peers that a reason names. */
const NAMED_PEERS = 5;

/** What keeps a ban from protecting anybody. */
export type PlacementFailure = 'not_in_rib' | 'sent_to_no_peer';

/** A change of a ban's placement. Each is reported once, and again only after it was otherwise. */
export type PlacementChange =
  /** Its routes are wanted and not all in the RIB. */
  | { readonly kind: 'ban_unconfirmed'; readonly reason: string }
  /** All its routes were read back from the RIB. */
  | { readonly kind: 'ban_confirmed' }
  /** All its routes were sent to more peers than before. `peers`: all that they were sent to by now. */
  | { readonly kind: 'ban_advertised'; readonly peers: readonly string[] }
  /** For `FAILED_AFTER_MS` it was not in the RIB, or in the RIB and sent to no peer. */
  | { readonly kind: 'ban_failed'; readonly cause: PlacementFailure; readonly reason: string }
  /** After it had failed, all its routes are in the RIB and were sent to a peer. */
  | { readonly kind: 'ban_recovered' };

export type PlacementEvent = { readonly at: number; readonly ban: Ban } & PlacementChange;

/** What is known of a ban's routes at one moment. */
export interface Placement {
  /** Why the ban is not in the store, so that none of its routes may be announced; undefined where it is. */
  readonly notStored: string | undefined;
  readonly routes: readonly RouteEvidence[];
}

interface Watched {
  state: 'unknown' | 'unconfirmed' | 'confirmed';
  /** Clock milliseconds; undefined while all routes are in the RIB. */
  missingSince: number | undefined;
  /** Since when no peer was sent all of it; undefined while one was. */
  uselessSince: number | undefined;
  failed: boolean;
  peers: readonly string[];
}

export class PlacementWatch {
  readonly #byBan = new Map<string, Watched>();

  /**
   * Compares with the last call for this ban; to be called at every tick for every real ban that is active.
   * Routes that are held back on purpose change nothing; afterwards they are watched from the beginning.
   */
  review(ban: Ban, placement: Placement, now: number): PlacementChange[] {
    if (placement.routes.some(({ heldBack }) => heldBack !== undefined)) {
      this.forget(ban);
      return [];
    }
    const watched = this.#of(ban.id);
    const missing = whyNotInRib(placement);
    const changes = missing === undefined ? placed(watched, placement.routes) : lost(watched, missing, now);
    return [...changes, ...usefulness(watched, missing, placement.routes, now)];
  }

  forget(ban: Ban): void {
    this.#byBan.delete(ban.id);
  }

  /** The wall clock was set; the times held move with it. */
  clockStepped(deltaMs: number): void {
    for (const watched of this.#byBan.values()) {
      if (watched.missingSince !== undefined) watched.missingSince += deltaMs;
      if (watched.uselessSince !== undefined) watched.uselessSince += deltaMs;
    }
  }

  #of(banId: string): Watched {
    let watched = this.#byBan.get(banId);
    if (watched === undefined) {
      watched = { state: 'unknown', missingSince: undefined, uselessSince: undefined, failed: false, peers: [] };
      this.#byBan.set(banId, watched);
    }
    return watched;
  }
}

/** All routes are in the RIB. */
function placed(watched: Watched, routes: readonly RouteEvidence[]): PlacementChange[] {
  const changes: PlacementChange[] = watched.state === 'confirmed' ? [] : [{ kind: 'ban_confirmed' }];
  watched.state = 'confirmed';
  watched.missingSince = undefined;
  const peers = peersOf(routes);
  if (peers.some((peer) => !watched.peers.includes(peer))) changes.push({ kind: 'ban_advertised', peers });
  watched.peers = peers;
  return changes;
}

function lost(watched: Watched, reason: string, now: number): PlacementChange[] {
  watched.missingSince ??= now;
  if (watched.state === 'unconfirmed' || now - watched.missingSince < UNCONFIRMED_AFTER_MS) return [];
  watched.state = 'unconfirmed';
  watched.peers = [];
  return [{ kind: 'ban_unconfirmed', reason }];
}

/** Whether somebody is protected: all routes in the RIB and sent to a peer. */
function usefulness(
  watched: Watched,
  missing: string | undefined,
  routes: readonly RouteEvidence[],
  now: number,
): PlacementChange[] {
  // Who is sent a route takes a while to read where the table is large; meanwhile it says neither yes nor no.
  if (missing === undefined && watched.peers.length === 0 && routes.some(({ isReachUnknown }) => isReachUnknown)) {
    return [];
  }
  if (missing === undefined && watched.peers.length > 0) {
    watched.uselessSince = undefined;
    const wasFailed = watched.failed;
    watched.failed = false;
    return wasFailed ? [{ kind: 'ban_recovered' }] : [];
  }
  watched.uselessSince ??= now;
  if (watched.failed || now - watched.uselessSince < FAILED_AFTER_MS) return [];
  watched.failed = true;
  if (missing !== undefined) return [{ kind: 'ban_failed', cause: 'not_in_rib', reason: missing }];
  return [{ kind: 'ban_failed', cause: 'sent_to_no_peer', reason: whySentToNoPeer(routes) }];
}

/** Why the ban's routes are not all in the RIB; undefined where they are. */
function whyNotInRib({ notStored, routes }: Placement): string | undefined {
  if (notStored !== undefined) return `cannot be stored: ${notStored}`;
  const missingRoutes = routes.filter(({ installed }) => !installed);
  if (missingRoutes.length === 0) return undefined;
  return missingRoutes.find(({ lastError }) => lastError !== undefined)?.lastError ?? "not in GoBGP's RIB";
}

function whySentToNoPeer(routes: readonly RouteEvidence[]): string {
  const missedBy = new Map(
    routes.flatMap(({ notAdvertisedTo }) => notAdvertisedTo).map(({ peer, why }) => [peer, why]),
  );
  const text = [...missedBy].slice(0, NAMED_PEERS).map(([peer, why]) => `${peer} (${why})`);
  if (missedBy.size > NAMED_PEERS) text.push(`${missedBy.size - NAMED_PEERS} more`);
  return `in GoBGP, but sent to no peer: ${text.length === 0 ? 'GoBGP has no neighbours' : text.join(', ')}`;
}

/** The peers that were sent every route. */
function peersOf([first, ...rest]: readonly RouteEvidence[]): readonly string[] {
  if (first === undefined) return [];
  return first.advertisedTo.filter((peer) => rest.every(({ advertisedTo }) => advertisedTo.includes(peer)));
}
