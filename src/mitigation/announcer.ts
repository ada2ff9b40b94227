/*
 * The interface between the mitigation core and whatever puts routes into a BGP daemon. It is declarative: the core
 * says what should be announced, the announcer keeps the daemon in line with that and tells what it sees there. So a
 * lost call, a restarted daemon and a restarted Kapkan are all the same case: the two sets differ and are made equal.
 *
 * Real announcers live in `gobgp/`; dry-run is one that only records.
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

  /** Whether some established peer can be told routes of this family; `unknown` while GoBGP cannot be asked. */
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
