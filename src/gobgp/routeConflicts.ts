/*
 * Another program undoes in GoBGP what Kapkan does: it withdraws or changes our routes, or puts routes with our mark back
 * that we withdrew. Most often it is a second Kapkan with the same `gobgp.instance_id`. Each repairs what the other one
 * did, and the peers get updates many times a second.
 *
 * What happens once or twice is repaired at once: an operator's command, a GoBGP that restarted. From the third time on
 * the route is in conflict, and each repair of it waits twice as long as the one before. Pure; times are milliseconds of
 * a clock that is never set.
 */

/** How a route in GoBGP differs from what Kapkan wants. */
export type Drift = 'missing' | 'orphan' | 'altered';

/** Routes that another program keeps undoing. */
export interface RouteConflict {
  /** When the first of them was noticed. */
  readonly since: number;
  readonly routes: number;
  /** What was seen, for people. */
  readonly detail: string;
}

/** Repairs of a route that are not delayed. */
const FREE_REPAIRS = 2;

const FIRST_WAIT_MS = 2000;

/**
 * Longest waits. A missing route leaves its victim unprotected, so it is soon announced again. An orphan that is put back
 * is wanted by somebody, maybe by a ban of another Kapkan, so it stays longest.
 */
const LONGEST_WAIT_MS: { readonly [drift in Drift]: number } = { missing: 8000, altered: 60_000, orphan: 300_000 };

/** A repair that held for this long was not undone by a program that watches. */
const UNDONE_WITHIN_MS = 60_000;

/** The conflict is over when nothing was undone for this long. It is longer than the longest wait. */
export const CONFLICT_OVER_AFTER_MS = 600_000;

const WHAT_IS_DONE: { readonly [drift in Drift]: string } = {
  missing: 'is withdrawn',
  altered: 'is replaced',
  orphan: 'is put back after Kapkan withdrew it',
};

interface Undone {
  drift: Drift;
  /** How often in a row. */
  times: number;
  lastAt: number;
  /** It is not repaired before. */
  repairAt: number;
  /** It was seen to be as it should since it was last undone. */
  isRepaired: boolean;
  conflictSince: number | undefined;
}

export class RouteConflicts {
  readonly #undone = new Map<string, Undone>();

  /** Takes a route that was found not to be as wanted. It may be reported until it is repaired, and counts once. */
  note(key: string, drift: Drift, now: number): void {
    const known = this.#undone.get(key);
    if (known === undefined) {
      this.#undone.set(key, {
        ...{ drift, times: 1, lastAt: now, repairAt: now },
        ...{ isRepaired: false, conflictSince: undefined },
      });
      return;
    }
    if (!known.isRepaired) return;
    known.times = now - known.repairAt > UNDONE_WITHIN_MS ? 1 : known.times + 1;
    known.drift = drift;
    known.lastAt = now;
    known.isRepaired = false;
    known.repairAt = now;
    if (known.times <= FREE_REPAIRS) return;
    known.conflictSince ??= now;
    const doublings = known.times - FREE_REPAIRS - 1;
    known.repairAt += Math.min(FIRST_WAIT_MS * 2 ** doublings, LONGEST_WAIT_MS[drift]);
  }

  /** Whether the repair of this route has to wait. */
  isHeldOff(key: string, now: number): boolean {
    const known = this.#undone.get(key);
    return known !== undefined && !known.isRepaired && known.repairAt > now;
  }

  /** Looks which routes are as they should be, and forgets those that stayed so. */
  settle(isAsWanted: (key: string) => boolean, now: number): void {
    for (const [key, known] of this.#undone) {
      if (!known.isRepaired && isAsWanted(key)) {
        known.isRepaired = true;
        known.repairAt = now;
      }
      if (now - Math.max(known.lastAt, known.repairAt) > CONFLICT_OVER_AFTER_MS) this.#undone.delete(key);
    }
  }

  /** Something else is wanted of this route than before, which does not have to wait. */
  repairNow(key: string): void {
    const known = this.#undone.get(key);
    if (known !== undefined) known.repairAt = Math.min(known.repairAt, known.lastAt);
  }

  /** GoBGP was connected again and may have lost all routes: no repair has to wait. */
  repairAllNow(): void {
    for (const key of this.#undone.keys()) this.repairNow(key);
  }

  /** When the next repair that waits is due; undefined where none waits. */
  nextRepairAt(now: number): number | undefined {
    const waiting = [...this.#undone.values()].filter(({ isRepaired, repairAt }) => !isRepaired && repairAt > now);
    return waiting.length === 0 ? undefined : Math.min(...waiting.map(({ repairAt }) => repairAt));
  }

  /** Undefined while nobody works against Kapkan here. */
  conflict(): RouteConflict | undefined {
    const inConflict = [...this.#undone].filter(([, { conflictSince }]) => conflictSince !== undefined);
    if (inConflict.length === 0) return undefined;
    const [key, { drift }] = inConflict[0];
    const others = inConflict.length === 1 ? '' : `, and so are ${inConflict.length - 1} more routes`;
    return {
      since: Math.min(...inConflict.map(([, { conflictSince }]) => conflictSince ?? 0)),
      routes: inConflict.length,
      detail:
        `another program works against Kapkan in this GoBGP: ${key} ${WHAT_IS_DONE[drift]} again and again${others}. ` +
        'Perhaps a second Kapkan has the same gobgp.instance_id',
    };
  }
}
