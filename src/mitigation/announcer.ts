/*
 * The interface between the mitigation core and the code that puts routes into a BGP daemon. It is declarative: the
 * core says what should be announced; the announcer makes the daemon's routes equal to that and reports what it sees
 * there. So a lost call, a restarted daemon and a restarted Kapkan are all the same case: the two sets differ and are
 * made equal.
 *
 * Real announcers are in `gobgp/`. The two here announce nothing themselves: dry-run only records, and the pausable one
 * is in front of another.
 */
import type { Route, RouteFamily } from './route.ts';

/** A route of an active ban, with the key that names its NLRI (family and canonical text of the prefix or match). */
export interface Announcement {
  readonly key: string;
  readonly route: Route;
  /** Address of the victim. Within one victim what is new is in the RIB before what it replaces is withdrawn. */
  readonly victim: string;
}

export interface Announcer {
  /**
   * Replaces the whole set of what should be announced; cheap when little changed. Returns at once, the work is done
   * behind it. The first call allows withdrawing marked orphans: before it nothing is known to be one. `maxRules`: the
   * FlowSpec rules that peers have room for at any moment.
   */
  setWanted(wanted: ReadonlyMap<string, Announcement>, maxRules: number): void;

  /** What is known of one announcement now. */
  evidence(key: string): RouteEvidence;

  /** Whether some established peer can be sent routes of this family; `unknown` while GoBGP cannot be asked. */
  audience(family: RouteFamily): 'some' | 'none' | 'unknown';

  /** Read back from the RIB: routes that carry our mark, by kind. 0 while GoBGP cannot be reached. */
  counts(): { readonly unicast: number; readonly flowspec: number };
}

/** `rib` of the contract's Ban, for one route. Times are clock milliseconds. */
export interface RouteEvidence {
  /** The route was in GoBGP's RIB, with the attributes wanted, when last looked. */
  readonly installed: boolean;
  readonly confirmedAt: number | undefined;
  /** Since when it is wanted and not seen. */
  readonly pendingSince: number | undefined;
  readonly lastError: string | undefined;
  /** Somebody else's route holds the same prefix or match in GoBGP and is left alone; absent otherwise. */
  readonly isForeign?: boolean;
  /** Another program withdraws or changes it again and again, so that the next try waits; absent otherwise. */
  readonly isInConflict?: boolean;
  /** Why it is not announced on purpose; absent otherwise. Such a route is neither missing nor refused. */
  readonly heldBack?: string;
  readonly advertisedTo: readonly string[];
  /** What some peer is sent was not read yet; absent otherwise. */
  readonly isReachUnknown?: boolean;
  readonly notAdvertisedTo: readonly { readonly peer: string; readonly why: string }[];
}

export const NO_EVIDENCE: RouteEvidence = {
  installed: false,
  confirmedAt: undefined,
  pendingSince: undefined,
  lastError: undefined,
  advertisedTo: [],
  notAdvertisedTo: [],
};

/** The announcer of dry-run: it announces nothing, and only records what it would announce. */
export class DryRunAnnouncer implements Announcer {
  readonly #peers: Pick<Announcer, 'audience'> | undefined;
  #wanted: ReadonlyMap<string, Announcement> = new Map();
  #flowspecRules = 0;

  /** `peers` knows what the peers negotiated, so that dry-run falls back where live would; without it they take all. */
  constructor(peers?: Pick<Announcer, 'audience'>) {
    this.#peers = peers;
  }

  setWanted(wanted: ReadonlyMap<string, Announcement>): void {
    this.#wanted = wanted;
    this.#flowspecRules = 0;
    for (const { route } of wanted.values()) if (route.kind === 'flowspec') this.#flowspecRules++;
  }

  /** What would be announced now. */
  wanted(): ReadonlyMap<string, Announcement> {
    return this.#wanted;
  }

  /** Nothing is in any RIB, and nothing is waited for. */
  evidence(_key: string): RouteEvidence {
    return NO_EVIDENCE;
  }

  audience(family: RouteFamily): 'some' | 'none' | 'unknown' {
    return this.#peers === undefined ? 'some' : this.#peers.audience(family);
  }

  counts(): { readonly unicast: number; readonly flowspec: number } {
    return { unicast: this.#wanted.size - this.#flowspecRules, flowspec: this.#flowspecRules };
  }
}

/** Why a route is not announced while paused. */
export const PAUSED = 'announcements are paused';

const NOTHING: ReadonlyMap<string, Announcement> = new Map();

/**
 * An announcer that can be paused. While it is paused, no route is wanted of the daemons behind it, so they withdraw
 * all our routes; the bans do not change. The routes that the bans want are stored, and announced again on resume.
 */
export class PausableAnnouncer implements Announcer {
  readonly #announcer: Announcer;
  #isPaused: boolean;
  #wanted: { readonly routes: ReadonlyMap<string, Announcement>; readonly maxRules: number } | undefined;

  /** `isPaused`: whether it was paused before the restart. */
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
