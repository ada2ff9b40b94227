/*
 * What full passes find changed in GoBGP by somebody else: counts it, and holds repairs off where it happens again and
 * again.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { driftOf, type Wanted } from './reconcilePlan.ts';
import type { RibSnapshot } from './ribSnapshot.ts';
import { type Drift, type RouteConflict, RouteConflicts } from './routeConflicts.ts';

export interface DriftCounts {
  missing: number;
  orphan: number;
  altered: number;
  /** Of all those, put right and seen to be so. */
  repaired: number;
}

export interface RouteDriftOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Name of the daemon, for logs. */
  readonly address: string;
}

export class RouteDrift {
  readonly #options: RouteDriftOptions;
  readonly #counts: DriftCounts = { missing: 0, orphan: 0, altered: 0, repaired: 0 };
  readonly #conflicts = new RouteConflicts();
  /** What the running pass found. */
  #found = new Map<string, Drift>();
  /** What is missing after a reconnect, GoBGP lost when it restarted. */
  #isFirstPass = true;

  constructor(options: RouteDriftOptions) {
    this.#options = options;
  }

  /** Another connection to the daemon. */
  reconnected(): void {
    this.#isFirstPass = true;
    this.#conflicts.repairAllNow();
  }

  /** Compares with a snapshot that was just read. `isOrphan`: whether a marked route belongs to nobody. */
  note(wanted: Wanted, rib: RibSnapshot, isOrphan: (key: string) => boolean): void {
    const found = new Map<string, Drift>();
    this.#found = found;
    for (const [key, route] of wanted) {
      const drift = driftOf(route, rib);
      if (drift === undefined) continue;
      found.set(key, drift);
      // Until it is confirmed again it is not lost a second time.
      route.confirmedText = undefined;
    }
    for (const { key } of rib.allOurs()) {
      if (!wanted.has(key) && isOrphan(key) && !this.isHeldOff(key)) found.set(key, 'orphan');
    }
    for (const [key, drift] of found) {
      this.#counts[drift]++;
      if (!this.#isFirstPass) this.#conflicts.note(key, drift, performance.now());
    }
    if (found.size === 0) return;
    const [first] = found;
    this.#options.log.info({ gobgp: this.#options.address, routes: found.size, first }, 'RIB drifted, repairing');
  }

  /** Looks after a full pass what of it was repaired. Returns whether anything had been found. */
  settle(wanted: Wanted, rib: RibSnapshot): boolean {
    const isAsWanted = (key: string): boolean => wanted.get(key)?.installed ?? rib.ours(key).length === 0;
    for (const key of this.#found.keys()) if (isAsWanted(key)) this.#counts.repaired++;
    this.#conflicts.settle(isAsWanted, performance.now());
    this.#isFirstPass = false;
    return this.#found.size > 0;
  }

  /** Whether this route must not be repaired yet, because somebody undid it again and again. */
  isHeldOff(key: string): boolean {
    return this.#conflicts.isHeldOff(key, performance.now());
  }

  /** Something else is wanted of this route than before. */
  decided(key: string): void {
    this.#conflicts.repairNow(key);
  }

  /** In milliseconds of `performance.now()`; undefined where nothing waits. */
  nextRepairAt(): number | undefined {
    return this.#conflicts.nextRepairAt(performance.now());
  }

  counts(): Readonly<DriftCounts> {
    return { ...this.#counts };
  }

  /** `since` in clock milliseconds. */
  conflict(): RouteConflict | undefined {
    const conflict = this.#conflicts.conflict();
    return conflict && { ...conflict, since: this.#options.clock.now() - (performance.now() - conflict.since) };
  }
}
