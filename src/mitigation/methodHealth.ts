/*
 * Whether a ban's method can be heard, damped. A BGP session that bounces must not make routes bounce: a method is
 * given up only after it was unheard for a while, and taken up again only after it was heard for longer.
 */
import type { Announcer, RouteEvidence } from './announcer.ts';
import type { Ban } from './ban.ts';
import { routeKey } from './routeText.ts';

/** Unheard, or refused by GoBGP, for this long: fall back. */
export const LOST_AFTER_MS = 3000;

/** Usable again for this long: return. */
export const BACK_AFTER_MS = 10_000;

interface Health {
  /** Since when the method in force is unusable, or the one fallen back from usable. */
  since: number | undefined;
  /** GoBGP would not take the method's routes; asking again would get the same answer. */
  refused: boolean;
}

/** What was observed of each active ban, by its id. */
export class MethodHealth {
  #byBan = new Map<string, Health>();

  /** Whether a condition has held for `forMs` without a break; call it at every tick. */
  holdsFor(ban: Ban, condition: boolean, forMs: number, now: number): boolean {
    const health = this.#of(ban.id);
    if (!condition) {
      health.since = undefined;
      return false;
    }
    health.since ??= now;
    if (now - health.since < forMs) return false;
    health.since = undefined;
    return true;
  }

  /**
   * Why GoBGP, which can be reached, does not take the ban's routes; undefined where it did or may yet. A route that
   * somebody else has there already is no refusal: what it matches is answered by its owner, and a wider route was not
   * asked for.
   */
  refusal(ban: Ban, announcer: Announcer): string | undefined {
    for (const evidence of evidences(ban, announcer)) {
      if (evidence.heldBack !== undefined) return undefined;
      if (evidence.isForeign) continue;
      if (!evidence.installed && evidence.lastError !== undefined) return `GoBGP refused: ${evidence.lastError}`;
    }
    return undefined;
  }

  /** The method was refused and is not to be tried again for this ban. */
  giveUp(ban: Ban): void {
    this.#of(ban.id).refused = true;
  }

  gaveUp(ban: Ban): boolean {
    return this.#of(ban.id).refused;
  }

  /** The wall clock was set; the times held move with it. */
  clockStepped(deltaMs: number): void {
    for (const health of this.#byBan.values()) {
      if (health.since !== undefined) health.since += deltaMs;
    }
  }

  forget(ban: Ban): void {
    this.#byBan.delete(ban.id);
  }

  #of(banId: string): Health {
    let health = this.#byBan.get(banId);
    if (health === undefined) {
      health = { since: undefined, refused: false };
      this.#byBan.set(banId, health);
    }
    return health;
  }
}

/** What is known of each route of a ban. */
export function evidences(ban: Ban, announcer: Announcer): RouteEvidence[] {
  return ban.routes.map((route) => announcer.evidence(routeKey(route)));
}
