/*
 * An announcer that can be paused: then nothing is wanted of the daemons behind it, so they withdraw every route of ours,
 * while the bans go on as they are. What the bans want is remembered and announced again on resume.
 */
import type { Announcement, Announcer, RouteEvidence } from './announcer.ts';
import type { RouteFamily } from './route.ts';

/** Why a route is not announced while paused. */
export const PAUSED = 'announcements are paused';

const NOTHING: ReadonlyMap<string, Announcement> = new Map();

export class PausableAnnouncer implements Announcer {
  readonly #announcer: Announcer;
  #isPaused: boolean;
  #wanted: { readonly routes: ReadonlyMap<string, Announcement>; readonly maxRules: number } | undefined;

  /** `isPaused`: a pause that outlived a restart. */
  constructor(announcer: Announcer, isPaused: boolean) {
    this.#announcer = announcer;
    this.#isPaused = isPaused;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  pause(): void {
    this.#isPaused = true;
    this.#pass();
  }

  resume(): void {
    this.#isPaused = false;
    this.#pass();
  }

  setWanted(routes: ReadonlyMap<string, Announcement>, maxRules: number): void {
    this.#wanted = { routes, maxRules };
    this.#pass();
  }

  evidence(key: string): RouteEvidence {
    const evidence = this.#announcer.evidence(key);
    return this.#isPaused ? { ...evidence, heldBack: PAUSED } : evidence;
  }

  audience(family: RouteFamily): 'some' | 'none' | 'unknown' {
    return this.#announcer.audience(family);
  }

  counts(): { readonly unicast: number; readonly flowspec: number } {
    return this.#announcer.counts();
  }

  #pass(): void {
    if (this.#wanted === undefined) return;
    const { routes, maxRules } = this.#wanted;
    this.#announcer.setWanted(this.#isPaused ? NOTHING : routes, maxRules);
  }
}
