/*
 * Several GoBGP daemons driven as one. Each gets all routes and is reconciled by itself, so one that is down or slow
 * holds up none of the others. A route counts as installed when every daemon in reach holds it.
 */
import type { Announcement, Announcer, RouteEvidence } from '../mitigation/announcer.ts';
import type { RouteFamily } from '../mitigation/route.ts';
import type { Address } from '../net/address.ts';
import type { GobgpAnnouncer, GobgpStatus } from './gobgpAnnouncer.ts';
import type { Peer } from './peer.ts';
import { countKinds } from './ribSnapshot.ts';

const SETTLE_POLL_MS = 20;

export class AnnouncerGroup implements Announcer {
  readonly #members: readonly GobgpAnnouncer[];

  constructor(members: readonly GobgpAnnouncer[]) {
    this.#members = members;
  }

  start(): void {
    for (const member of this.#members) member.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.stop()));
  }

  setWanted(wanted: ReadonlyMap<string, Announcement>, maxRules = Number.POSITIVE_INFINITY): void {
    for (const member of this.#members) member.setWanted(wanted, maxRules);
  }

  evidence(key: string): RouteEvidence {
    const all = this.#members.map((member) => member.evidence(key));
    const inReach = this.#reachable().map((member) => member.evidence(key));
    return mergeEvidence(inReach.length > 0 ? inReach : all, all);
  }

  /** Of the daemons in reach: one that is away sends nothing, and must not prevent a fallback of the others. */
  audience(family: RouteFamily): 'some' | 'none' | 'unknown' {
    const answers = this.#members.map((member) => member.audience(family));
    if (answers.includes('some')) return 'some';
    return answers.includes('none') ? 'none' : 'unknown';
  }

  /** A route in several daemons counts once. */
  counts(): { unicast: number; flowspec: number } {
    return countKinds(new Set(this.#members.flatMap((member) => member.ourKeys())));
  }

  peers(): readonly Peer[] {
    return this.#members.flatMap((member) => member.peers());
  }

  /** Both ends of every BGP session: what no route may cut off. */
  bgpEndpoints(): readonly Address[] {
    return this.#members.flatMap((member) => member.bgpEndpoints());
  }

  status(): readonly GobgpStatus[] {
    return this.#members.map((member) => member.status());
  }

  /**
   * Waits until every daemon holds exactly what is wanted, for a shutdown that withdraws. False where that did not come
   * about in time; so it is for a daemon out of reach, which may hold routes still.
   */
  async whenSettled(timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      if (this.#members.every((member) => member.isSettled)) return true;
      if (performance.now() >= deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, SETTLE_POLL_MS));
    }
  }

  #reachable(): GobgpAnnouncer[] {
    return this.#members.filter((member) => member.status().connected);
  }
}

/**
 * `deciding` says whether it is installed. What the rest of `all` have to complain about is added only once it is, for
 * an error on a route that is not installed is taken for GoBGP's refusal of it.
 */
function mergeEvidence(deciding: readonly RouteEvidence[], all: readonly RouteEvidence[]): RouteEvidence {
  const advertisedTo = [...new Set(deciding.flatMap((evidence) => evidence.advertisedTo))];
  const notAdvertisedTo = deciding
    .flatMap((evidence) => evidence.notAdvertisedTo)
    .filter(({ peer }) => !advertisedTo.includes(peer));
  const installed = deciding.length > 0 && deciding.every((evidence) => evidence.installed);
  const complaining = installed ? all : deciding;
  return {
    installed,
    confirmedAt: earliest(deciding.map((evidence) => evidence.confirmedAt)),
    pendingSince: earliest(deciding.map((evidence) => evidence.pendingSince)),
    lastError: complaining.find((evidence) => evidence.lastError !== undefined)?.lastError,
    isForeign: !installed && deciding.some((evidence) => evidence.isForeign),
    isInConflict: !installed && deciding.some((evidence) => evidence.isInConflict),
    advertisedTo,
    notAdvertisedTo,
    isReachUnknown: deciding.some((evidence) => evidence.isReachUnknown),
  };
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
