/*
 * A GoBGP that never leaves the process: a RIB that outlives Kapkan, peers that hear some families, and the ways in
 * which it can be away, come back empty, or refuse. The announcer in front of it reconciles only when told to, so a
 * test decides what has reached the RIB by when.
 */
import { type Announcement, type Announcer, NO_EVIDENCE, type RouteEvidence } from '../../src/mitigation/announcer.ts';
import { type Route, type RouteFamily, routeFamily } from '../../src/mitigation/route.ts';

export class FakeGobgp {
  up = true;
  readonly rib = new Map<string, { readonly route: Route; readonly victim: string }>();
  /** Families that an established peer negotiated. */
  hears = new Set<RouteFamily>(['ipv4-unicast', 'ipv6-unicast', 'ipv4-flowspec', 'ipv6-flowspec']);
  refuses: (route: Route) => boolean = () => false;
}

/** Is sent every route of a family that it negotiated. */
const PEER = '192.0.2.100';

export class FakeAnnouncer implements Announcer {
  readonly #gobgp: FakeGobgp;
  readonly #onWanted: (wanted: ReadonlyMap<string, Announcement>) => void;
  wanted: ReadonlyMap<string, Announcement> | undefined;
  setWantedCalls = 0;

  constructor(gobgp: FakeGobgp, onWanted: (wanted: ReadonlyMap<string, Announcement>) => void = () => {}) {
    this.#gobgp = gobgp;
    this.#onWanted = onWanted;
  }

  setWanted(wanted: ReadonlyMap<string, Announcement>): void {
    this.#onWanted(wanted);
    this.setWantedCalls++;
    this.wanted = wanted;
  }

  /** Brings the RIB in line, victim by victim: what is new first, and what is old only once all that is new is in. */
  reconcile(): void {
    const { up, rib, refuses } = this.#gobgp;
    if (!up || this.wanted === undefined) return;
    const lacking = new Set<string>();
    for (const { key, route, victim } of this.wanted.values()) {
      if (refuses(route)) lacking.add(victim);
      else rib.set(key, { route, victim });
    }
    for (const [key, { victim }] of [...rib]) if (!this.wanted.has(key) && !lacking.has(victim)) rib.delete(key);
  }

  evidence(key: string): RouteEvidence {
    const { up, rib, refuses } = this.#gobgp;
    const announcement = this.wanted?.get(key);
    if (!up || announcement === undefined) return NO_EVIDENCE;
    const lastError = refuses(announcement.route) ? 'invalid argument' : undefined;
    const installed = rib.has(key);
    const isSent = installed && this.#gobgp.hears.has(routeFamily(announcement.route));
    return { ...NO_EVIDENCE, installed, lastError, advertisedTo: isSent ? [PEER] : [] };
  }

  audience(family: RouteFamily): 'some' | 'none' | 'unknown' {
    if (!this.#gobgp.up) return 'unknown';
    return this.#gobgp.hears.has(family) ? 'some' : 'none';
  }

  counts(): { readonly unicast: number; readonly flowspec: number } {
    let flowspec = 0;
    for (const { route } of this.#gobgp.rib.values()) if (routeFamily(route).endsWith('flowspec')) flowspec++;
    return { unicast: this.#gobgp.rib.size - flowspec, flowspec };
  }
}
