/*
 * Makes one daemon's RIB say what is wanted, and knows what it says. It holds no connection and no timer: the announcer
 * hands it a client while there is one, and asks for a pass over everything or over what changed.
 *
 * Routes are read by their keys. Marked routes of an unknown key are found in a listing of the whole table, which may
 * take long; nothing waits for it.
 *
 * A pass: read, withdraw what belongs to nobody any more, announce what is missing or differs, read back, withdraw what
 * it replaced, read back, see who is sent it.
 * What is read is believed, what was called is not: OK of gobgpd proves nothing.
 */
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { type Announcement, NO_EVIDENCE, type RouteEvidence } from '../mitigation/announcer.ts';
import { announcementPath, withdrawalPath } from './encodeRoute.ts';
import type { GobgpClient } from './gobgpClient.ts';
import { GobgpError } from './gobgpError.ts';
import { inParallel } from './inParallel.ts';
import { marksOf } from './pathAttributes.ts';
import { readPeer } from './peer.ts';
import { PeerTable } from './peerTable.ts';
import {
  routesOfOtherVictims,
  routesToAnnounce,
  routesToWithdraw,
  rulesWithoutRoom,
  WantedRoute,
  type WithdrawalScope,
} from './reconcilePlan.ts';
import { RibReader } from './ribReader.ts';
import { familyOfKey, type RibPath, RibSnapshot, readRibPath } from './ribSnapshot.ts';
import { RouteDrift } from './routeDrift.ts';
import { familyOfNumbers, isFlowspecFamily, type WireLargeCommunity, type WirePath } from './wirePath.ts';

export interface ReconcilerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Name of the daemon, for logs and peers. */
  readonly address: string;
  readonly instanceId: number;
  /** ASNs that GoBGP had before this start. Routes with the mark of one are ours. */
  readonly formerAsns: readonly number[];
  /** Keys of routes that were announced before this start. They are looked up first, as what the RIB may hold. */
  readonly knownKeys: () => Iterable<string>;
  /** Which marked routes that this process never wanted may be withdrawn. */
  readonly withdrawOrphans: boolean | ((key: string) => boolean);
}

/** A daemon in reach. */
export interface Link {
  readonly client: GobgpClient;
  readonly reader: RibReader;
}

/** From here on adding goes by stream: fewer calls, but a refused path takes others along. */
const STREAM_FROM = 16;

const PARALLEL_CALLS = 32;

const FOREIGN_ERROR = 'a route not made by Kapkan holds this prefix or match in GoBGP; it is left alone';
const NOT_IN_RIB_ERROR = 'GoBGP accepted the route but does not hold it; an import policy may reject it';
const CONFLICT_ERROR =
  'another program withdraws or changes this route again and again; Kapkan waits before the next try';
const POLICY_ERROR = "GoBGP's own policy changes the attributes of this route";

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #rib = new RibSnapshot();
  readonly #peers = new PeerTable();
  readonly #wanted = new Map<string, WantedRoute>();
  /** Routes this process wanted and does not any more, until they are seen gone; with their victims. */
  readonly #released = new Map<string, string>();
  /** Changes that somebody else made. */
  readonly drift: RouteDrift;
  /** The one that routes get, then former ones; empty until the daemon was reached. */
  #marks: readonly WireLargeCommunity[] = [];
  /** FlowSpec rules that peers have room for. */
  #maxRules = Number.POSITIVE_INFINITY;
  /** Before the first `setWanted` nothing is known to be an orphan. */
  #wantedKnown = false;
  /** Why nothing can be seen; undefined while the daemon is in reach. */
  #outOfReach: string | undefined = 'GoBGP has not been reached yet';
  /** Keys to look at in the next pass over changes. */
  #changed = new Set<string>();
  /** Keys of marked routes that are or may be in the RIB and that are not wanted: the next full pass looks at them. */
  #found = new Set<string>();
  /** The daemon in reach: what was asked of another one counts no more. */
  #link: Link | undefined;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.drift = new RouteDrift(options);
  }

  /**
   * Returns what a pass is needed over: `all` the first time, which is when orphans can first be told; `changes` where
   * the set is another than before.
   */
  setWanted(wanted: ReadonlyMap<string, Announcement>, maxRules: number): 'all' | 'changes' | 'nothing' {
    this.#maxRules = maxRules;
    const isFirst = !this.#wantedKnown;
    this.#wantedKnown = true;
    for (const [key, announcement] of wanted) this.#want(key, announcement);
    for (const [key, route] of this.#wanted) {
      if (wanted.has(key)) continue;
      this.#wanted.delete(key);
      this.#peers.forget(key);
      this.#released.set(key, route.announcement.victim);
      this.drift.decided(key);
      this.#changed.add(key);
    }
    if (isFirst) return 'all';
    return this.#changed.size > 0 ? 'changes' : 'nothing';
  }

  /** Begins to work with a daemon of this ASN; nothing is known of its RIB yet. */
  attach(client: GobgpClient, asn: number): Link {
    const { instanceId, formerAsns, knownKeys } = this.#options;
    this.#marks = marksOf(asn, [...this.#marks.map(({ globalAdmin }) => globalAdmin), ...formerAsns], instanceId);
    this.#outOfReach = undefined;
    this.#rib.clear();
    this.#found = new Set(knownKeys());
    this.drift.reconnected();
    for (const route of this.#wanted.values()) {
      route.policyText = undefined;
      route.encode(this.#marks[0]);
    }
    this.#link = { client, reader: new RibReader(client, this.#marks) };
    return this.#link;
  }

  /** The daemon is out of reach: what cannot be seen is not claimed. */
  detach(error: string): void {
    this.#outOfReach = error;
    this.#link = undefined;
    this.#rib.clear();
    this.#peers.clear();
    const now = this.#options.clock.now();
    for (const route of this.#wanted.values()) route.lose(now);
  }

  /** Reads every route that is known of, repairs what differs. Returns whether evidence changed. */
  async reconcileAll(link: Link): Promise<boolean> {
    this.#changed = new Set();
    await this.#readPeers(link);
    const known = new Set([...this.#wanted.keys(), ...this.#released.keys(), ...this.#found, ...this.#rib.ourKeys()]);
    this.#found.clear();
    const [rules, listed] = await Promise.all([
      link.reader.listInjectedRules(),
      link.reader.listKeys([...known].filter((key) => !isFlowspecFamily(familyOfKey(key)))),
    ]);
    this.#rib.replaceAll([...rules, ...listed]);
    this.drift.note(this.#wanted, this.#rib, (key) => !this.#released.has(key) && this.#mayWithdraw(key));
    const mayWithdraw = (key: string): boolean => this.#mayWithdraw(key) && !this.drift.isHeldOff(key);
    const acted = await this.#repair(link, this.#wanted.values(), mayWithdraw);
    return this.drift.settle(this.#wanted, this.#rib) || acted;
  }

  /**
   * Lists the whole table for routes of ours that nobody here knows. Takes as long as the table is large, so it runs
   * beside the passes and changes nothing itself. Returns whether a full pass has something to look at.
   */
  async findOrphans({ reader }: Link): Promise<boolean> {
    for (const { key, local, marked } of await reader.findInjectedUnicast()) {
      if (local && marked && !this.#wanted.has(key) && this.#rib.ours(key).length === 0) this.#found.add(key);
    }
    return this.#found.size > 0;
  }

  /** Reads who is sent the routes that are in; runs beside the passes too. Returns whether evidence changed. */
  async readAdvertised(link: Link): Promise<boolean> {
    const isInstalled = (key: string): boolean => this.#link === link && this.#wanted.get(key)?.installed === true;
    const installed = [...this.#wanted.keys()].filter(isInstalled);
    return this.#peers.readAdvertised(link.reader, installed, isInstalled);
  }

  /** Acts on what `setWanted` changed since the last pass, and on withdrawals that had to wait. */
  async reconcileChanges(link: Link): Promise<boolean> {
    const scope = new Set([...this.#changed, ...this.#released.keys()]);
    this.#changed = new Set();
    if (scope.size === 0) return false;
    await this.#readKeys(link, scope);
    const wanted = [...scope].map((key) => this.#wanted.get(key)).filter((route) => route !== undefined);
    return this.#repair(link, wanted, (key) => this.#released.has(key));
  }

  /** Whether a best-path event tells of something that a full pass should look at, and that we did not do ourselves. */
  isNews(path: WirePath): boolean {
    const family = familyOfNumbers(path.family);
    if (family === undefined) return false;
    const seen = readRibPath(path, family, this.#marks);
    if (seen === undefined || !seen.local) return false;
    if (!seen.marked && !this.#wanted.has(seen.key)) return false;
    const known = this.#rib.own(seen.key);
    if (seen.isWithdraw) return known !== undefined || this.#rib.isForeign(seen.key);
    if (known?.attributesText === seen.attributesText) return false;
    this.#found.add(seen.key);
    return true;
  }

  /** Whether all that is wanted is in the RIB and all that is not is out of it, so far as this process knows. */
  get isSettled(): boolean {
    if (this.#changed.size > 0 || this.#released.size > 0) return false;
    return [...this.#wanted.values()].every((route) => route.installed);
  }

  evidence(key: string): RouteEvidence {
    const route = this.#wanted.get(key);
    if (route === undefined) return NO_EVIDENCE;
    const { installed, confirmedAt, pendingSince } = route;
    const isInConflict = !installed && this.drift.isHeldOff(key);
    const lastError = this.#outOfReach ?? (isInConflict ? CONFLICT_ERROR : route.lastError);
    const reach = installed ? this.#peers.reachOf(key) : NO_EVIDENCE;
    const { advertisedTo, notAdvertisedTo, isReachUnknown } = reach;
    const isForeign = !installed && this.#rib.isForeign(key);
    return {
      installed,
      confirmedAt,
      pendingSince,
      lastError,
      isForeign,
      isInConflict,
      advertisedTo,
      notAdvertisedTo,
      isReachUnknown,
    };
  }

  get peerTable(): PeerTable {
    return this.#peers;
  }

  /** Keys of all routes with our mark that were last seen in the RIB. */
  ourKeys(): string[] {
    return this.#rib.ourKeys();
  }

  #want(key: string, announcement: Announcement): void {
    const known = this.#wanted.get(key);
    if (known?.announcement.route === announcement.route) {
      known.announcement = announcement;
      return;
    }
    // A new object, for a pass may be under way with the old one.
    const route = new WantedRoute(announcement, this.#options.clock.now());
    if (this.#marks.length > 0) route.encode(this.#marks[0]);
    if (known?.saysTheSameAs(route)) {
      known.announcement = announcement;
      return;
    }
    route.confirmedAt = known?.confirmedAt;
    this.#wanted.set(key, route);
    this.#released.delete(key);
    this.drift.decided(key);
    this.#changed.add(key);
  }

  async #readPeers(link: Link): Promise<void> {
    const peers = await link.client.listPeers();
    const now = this.#options.clock.now();
    this.#peers.replacePeers(peers.map((peer) => readPeer(peer, this.#options.address, now)));
  }

  async #readKeys(link: Link, keys: ReadonlySet<string>): Promise<void> {
    this.#rib.replaceKeys(keys, await link.reader.listKeys(keys));
  }

  /**
   * Makes the RIB say what is wanted, on a snapshot that was just read. At no moment are there more routes than before or
   * than wanted, except within a victim, whose new routes are in before its old ones go. Returns whether GoBGP was told
   * anything.
   */
  async #repair(link: Link, wanted: Iterable<WantedRoute>, mayWithdraw: (key: string) => boolean): Promise<boolean> {
    const inScope = [...wanted];
    const victimOf = (path: RibPath): string => this.#released.get(path.key) ?? path.victim;
    const scope: WithdrawalScope = { victimOf, mayWithdraw };
    const first = routesOfOtherVictims(this.#wanted, this.#rib, scope);
    await this.#withdraw(link, first);
    const toAnnounce = routesToAnnounce(inScope, this.#rib).filter(
      ({ announcement }) => !this.drift.isHeldOff(announcement.key),
    );
    const noRoom = rulesWithoutRoom(toAnnounce, this.#wanted, this.#rib, scope, this.#maxRules);
    await this.#withdraw(link, noRoom);
    if (toAnnounce.length > 0) await this.#announce(link, toAnnounce);
    const changed = this.#settle(inScope);
    const last = routesToWithdraw(this.#wanted, this.#rib, scope);
    await this.#withdraw(link, last);
    for (const key of this.#released.keys()) if (this.#rib.ours(key).length === 0) this.#released.delete(key);
    return changed || first.length + noRoom.length + last.length > 0;
  }

  async #announce(link: Link, routes: readonly WantedRoute[]): Promise<void> {
    const keys = new Set(routes.map((route) => route.announcement.key));
    const now = this.#options.clock.now();
    let left: readonly WantedRoute[] = routes;
    if (routes.length >= STREAM_FROM) {
      const paths = routes.flatMap(({ encoded }) => (encoded === undefined ? [] : [announcementPath(encoded, now)]));
      await link.client.addPaths(paths).catch(throwIfRetryable);
      await this.#readKeys(link, keys);
      left = routesToAnnounce(routes, this.#rib);
    }
    if (left.length > 0) {
      await inParallel(left, PARALLEL_CALLS, (route) => this.#announceOne(link, route, now));
      await this.#readKeys(link, keys);
    }
    for (const route of routes) {
      const own = this.#rib.own(route.announcement.key);
      if (own === undefined) route.lastError ??= NOT_IN_RIB_ERROR;
      else if (route.lastError === undefined && !route.isIn(this.#rib)) {
        route.policyText = own.attributesText;
        route.lastError = POLICY_ERROR;
      }
    }
  }

  async #announceOne(link: Link, route: WantedRoute, nowMs: number): Promise<void> {
    if (route.encoded === undefined) return;
    route.lastError = undefined;
    try {
      await link.client.addPath(announcementPath(route.encoded, nowMs), route.announcement.key);
    } catch (error) {
      throwIfRetryable(error);
      route.lastError = messageOf(error);
    }
  }

  async #withdraw(link: Link, paths: readonly RibPath[]): Promise<void> {
    if (paths.length === 0) return;
    await inParallel(paths, PARALLEL_CALLS, async ({ family, nlri, identifier, key }) => {
      if (nlri === undefined) return;
      try {
        await link.client.deletePath(withdrawalPath(family, nlri, identifier), key);
      } catch (error) {
        throwIfRetryable(error);
        this.#options.log.warn(
          { gobgp: this.#options.address, route: key, error: messageOf(error) },
          'cannot withdraw',
        );
      }
    });
    await this.#readKeys(link, new Set(paths.map((path) => path.key)));
  }

  /** Notes what the snapshot says of these routes. Returns whether that is new. */
  #settle(routes: readonly WantedRoute[]): boolean {
    const now = this.#options.clock.now();
    let changed = false;
    for (const route of routes) {
      const installed = route.isIn(this.#rib);
      changed ||= installed !== route.installed;
      if (installed) route.confirm(now);
      else {
        route.lose(now);
        if (this.#rib.isForeign(route.announcement.key)) route.lastError = FOREIGN_ERROR;
      }
    }
    return changed;
  }

  #mayWithdraw(key: string): boolean {
    if (this.#released.has(key)) return true;
    if (!this.#wantedKnown) return false;
    const { withdrawOrphans } = this.#options;
    return typeof withdrawOrphans === 'boolean' ? withdrawOrphans : withdrawOrphans(key);
  }
}

/** A call that found no daemon ends the pass; one that was refused concerns only its route. */
function throwIfRetryable(error: unknown): void {
  if (!(error instanceof GobgpError) || error.retryable) throw error;
}
