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
  #wanted: ReadonlyMap<string, Announcement> | undefined;

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
    if (this.#wanted !== undefined) this.#announcer.setWanted(NOTHING);
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#wanted !== undefined) this.#announcer.setWanted(this.#wanted);
  }

  setWanted(wanted: ReadonlyMap<string, Announcement>): void {
    this.#wanted = wanted;
    this.#announcer.setWanted(this.#isPaused ? NOTHING : wanted);
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
}
