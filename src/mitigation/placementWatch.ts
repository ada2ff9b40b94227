/*
 * Watches where the routes of real bans are: stored, in GoBGP's RIB, sent to peers. It compares what the announcer
 * knows at every tick with the tick before and reports each change once.
 */
import type { RouteEvidence } from './announcer.ts';
import type { Ban } from './ban.ts';

/** Announced and not seen in the RIB for this long: worth an event. GoBGP usually confirms within 20 ms. */
export const UNCONFIRMED_AFTER_MS = 1000;

/** Wanted and in no RIB for this long: the ban could not be announced. */
export const FAILED_AFTER_MS = 10_000;

/** A change of a ban's placement. Each is reported once, and again only after it was otherwise. */
export type PlacementChange =
  /** Its routes are wanted and not all in the RIB. */
  | { readonly kind: 'ban_unconfirmed'; readonly reason: string }
  /** All its routes were read back from the RIB. */
  | { readonly kind: 'ban_confirmed' }
  /** All its routes were sent to more peers than before. `peers`: all that they were sent to by now. */
  | { readonly kind: 'ban_advertised'; readonly peers: readonly string[] }
  /** It cannot be announced: not for a moment but for `FAILED_AFTER_MS`. */
  | { readonly kind: 'ban_failed'; readonly reason: string }
  /** It is announced after it had failed. */
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
    const problem = problemOf(placement);
    if (problem === undefined) return placed(watched, peersOf(placement.routes));
    return missing(watched, problem, now);
  }

  forget(ban: Ban): void {
    this.#byBan.delete(ban.id);
  }

  /** The wall clock was set; the times held move with it. */
  clockStepped(deltaMs: number): void {
    for (const watched of this.#byBan.values()) {
      if (watched.missingSince !== undefined) watched.missingSince += deltaMs;
    }
  }

  #of(banId: string): Watched {
    let watched = this.#byBan.get(banId);
    if (watched === undefined) {
      watched = { state: 'unknown', missingSince: undefined, failed: false, peers: [] };
      this.#byBan.set(banId, watched);
    }
    return watched;
  }
}

function placed(watched: Watched, peers: readonly string[]): PlacementChange[] {
  const changes: PlacementChange[] = [];
  if (watched.state !== 'confirmed') changes.push({ kind: 'ban_confirmed' });
  if (watched.failed) changes.push({ kind: 'ban_recovered' });
  if (peers.some((peer) => !watched.peers.includes(peer))) changes.push({ kind: 'ban_advertised', peers });
  watched.state = 'confirmed';
  watched.missingSince = undefined;
  watched.failed = false;
  watched.peers = peers;
  return changes;
}

function missing(watched: Watched, reason: string, now: number): PlacementChange[] {
  const changes: PlacementChange[] = [];
  watched.missingSince ??= now;
  const missingMs = now - watched.missingSince;
  if (watched.state !== 'unconfirmed' && missingMs >= UNCONFIRMED_AFTER_MS) {
    watched.state = 'unconfirmed';
    watched.peers = [];
    changes.push({ kind: 'ban_unconfirmed', reason });
  }
  if (!watched.failed && missingMs >= FAILED_AFTER_MS) {
    watched.failed = true;
    changes.push({ kind: 'ban_failed', reason });
  }
  return changes;
}

/** Why the ban's routes are not all in the RIB; undefined where they are. */
function problemOf({ notStored, routes }: Placement): string | undefined {
  if (notStored !== undefined) return `cannot be stored: ${notStored}`;
  const missingRoutes = routes.filter(({ installed }) => !installed);
  if (missingRoutes.length === 0) return undefined;
  return missingRoutes.find(({ lastError }) => lastError !== undefined)?.lastError ?? "not in GoBGP's RIB";
}

/** The peers that were sent every route. */
function peersOf([first, ...rest]: readonly RouteEvidence[]): readonly string[] {
  if (first === undefined) return [];
  return first.advertisedTo.filter((peer) => rest.every(({ advertisedTo }) => advertisedTo.includes(peer)));
}
