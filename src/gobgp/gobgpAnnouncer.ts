/*
 * The announcer of one GoBGP: keeps a session to it, calls the reconciler when there is something to do, and says what
 * is known. Nothing here blocks a caller or throws to it; `status` and `evidence` say what went wrong.
 *
 * A session is one connection: who are you, watch, list everything, then passes until a call or the watch breaks. So a
 * daemon that restarted, was stopped or was replaced by another generation is met the same way as at the start.
 */
import type { Clock } from '../clock.ts';
import type { GobgpConfig } from '../config/sections/gobgp.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Announcement, Announcer, RouteEvidence } from '../mitigation/announcer.ts';
import type { RouteFamily } from '../mitigation/route.ts';
import type { Address } from '../net/address.ts';
import { BackgroundListing } from './backgroundListing.ts';
import type { GobgpApi } from './generation.ts';
import type { GobgpClient, GobgpIdentity } from './gobgpClient.ts';
import { GobgpError } from './gobgpError.ts';
import type { Peer } from './peer.ts';
import { type Link, Reconciler } from './reconciler.ts';
import { countKinds } from './ribSnapshot.ts';
import type { RouteConflict } from './routeConflicts.ts';
import type { DriftCounts } from './routeDrift.ts';
import type { WirePath } from './wirePath.ts';

export interface GobgpAnnouncerOptions {
  /** One of `gobgp.addresses`. */
  readonly address: string;
  readonly gobgp: Pick<GobgpConfig, 'api' | 'tls' | 'timeoutSeconds' | 'instanceId'>;
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * Which routes that carry our mark, but that this process never wanted, may be withdrawn once `setWanted` was called.
   * In dry-run only those that our own store knows, for a live Kapkan may share the daemon.
   */
  readonly withdrawOrphans: boolean | ((key: string) => boolean);
  /** ASNs that GoBGP had before this start: the mark has its ASN, and routes with an earlier mark are ours too. */
  readonly formerAsns?: readonly number[];
  /** GoBGP was reached and has this ASN. Called before anything is announced with its mark. */
  readonly onAsn?: (asn: number) => void;
  /** Keys of routes that were announced before this start, so that what is left of them goes before others come. */
  readonly knownKeys?: () => Iterable<string>;
  /** Nothing is known of what was announced before this start, so the first pass waits longer for the whole table. */
  readonly isStateNew?: boolean;
  readonly onChange?: (change: GobgpChange) => void;
}

export type GobgpChange =
  | { readonly kind: 'connection'; readonly address: string; readonly connected: boolean }
  | { readonly kind: 'peer'; readonly peer: Peer }
  /** The evidence of some route is different from before. */
  | { readonly kind: 'routes' };

export interface GobgpStatus {
  readonly address: string;
  readonly api: GobgpApi | undefined;
  readonly connected: boolean;
  /** GoBGP's own; undefined until it was first reached. */
  readonly asn: number | undefined;
  readonly lastError: string | undefined;
  readonly drift: Readonly<DriftCounts>;
  /** Another program undoes what Kapkan does there; undefined while none does. */
  readonly conflict: RouteConflict | undefined;
}

/** A full pass at least this often, whatever the watch says. */
const FULL_PASS_MS = 5000;

/** Time for events to gather, and for our own changes to be read back, so that they are known as ours. */
const HINT_DELAY_MS = 100;

/** Full passes and listings of whole tables take at most a tenth of the time, so that the daemon is not kept busy. */
const REST_FACTOR = 10;

/**
 * A pass waits this long for a listing of the whole table, so that what must be withdrawn is known before anything is
 * announced; a small table is listed in a few milliseconds. With a large one it goes ahead, and what the listing finds
 * is withdrawn later.
 */
const LISTING_PATIENCE_MS = 500;

/**
 * Without a stored state nothing else tells which of our routes are there already. It is below the time after which a
 * GoBGP counts as not reached.
 */
const FIRST_LISTING_PATIENCE_MS = 8000;

/** Between two attempts to reach the daemon; the upper bound keeps coming back well under a second. */
const RETRY_MIN_MS = 150;
const RETRY_MAX_MS = 500;

/** More events than this at once are worth a full pass unread. */
const MAX_HINTS = 1000;

export class GobgpAnnouncer implements Announcer {
  readonly #options: GobgpAnnouncerOptions;
  readonly #reconciler: Reconciler;
  #stopped = false;
  #finished: Promise<void> | undefined;
  #connected = false;
  #identity: GobgpIdentity | undefined;
  #lastError: string | undefined;

  /** Ends the wait of the running session, or the pause between two. */
  #wake: (() => void) | undefined;
  #changesDue = false;
  #fullPassDueAt = 0;
  #earliestFullPassAt = 0;
  #hints: WirePath[] = [];
  #hintsDueAt = Number.POSITIVE_INFINITY;
  #sessionError: GobgpError | undefined;
  /** Run beside the passes, one of each at a time. */
  #orphanSearch: BackgroundListing | undefined;
  #listingPatienceMs: number;
  #advertisedReading: BackgroundListing | undefined;

  constructor(options: GobgpAnnouncerOptions) {
    this.#options = options;
    this.#listingPatienceMs = options.isStateNew === true ? FIRST_LISTING_PATIENCE_MS : LISTING_PATIENCE_MS;
    this.#reconciler = new Reconciler({
      clock: options.clock,
      log: options.log,
      address: options.address,
      instanceId: options.gobgp.instanceId,
      formerAsns: options.formerAsns ?? [],
      knownKeys: options.knownKeys ?? (() => []),
      withdrawOrphans: options.withdrawOrphans,
    });
  }

  /** Begins to reach for the daemon. */
  start(): void {
    this.#finished ??= this.#run();
  }

  /** Ends the session with the daemon; its routes stay as they are. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake?.();
    await this.#finished;
  }

  setWanted(wanted: ReadonlyMap<string, Announcement>, maxRules = Number.POSITIVE_INFINITY): void {
    const scope = this.#reconciler.setWanted(wanted, maxRules);
    if (scope === 'nothing') return;
    if (scope === 'all') this.#requestFullPass();
    this.#changesDue = true;
    this.#wake?.();
  }

  evidence(key: string): RouteEvidence {
    return this.#reconciler.evidence(key);
  }

  audience(family: RouteFamily): 'some' | 'none' | 'unknown' {
    if (!this.#connected) return 'unknown';
    return this.#reconciler.peerTable.canBeSent(family) ? 'some' : 'none';
  }

  counts(): { unicast: number; flowspec: number } {
    return countKinds(this.ourKeys());
  }

  /** Keys of the routes with our mark in the RIB; none while it cannot be read. */
  ourKeys(): string[] {
    return this.#reconciler.ourKeys();
  }

  peers(): readonly Peer[] {
    return this.#reconciler.peerTable.peers();
  }

  /** Both ends of every BGP session, as last seen. */
  bgpEndpoints(): readonly Address[] {
    return this.#reconciler.peerTable.bgpEndpoints();
  }

  status(): GobgpStatus {
    return {
      address: this.#options.address,
      api: this.#identity?.api,
      connected: this.#connected,
      asn: this.#identity?.asn,
      lastError: this.#lastError,
      drift: this.#reconciler.drift.counts(),
      conflict: this.#reconciler.drift.conflict(),
    };
  }

  /** Whether everything wanted is in the RIB and everything released is out of it. */
  get isSettled(): boolean {
    return this.#connected && this.#reconciler.isSettled;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#session();
      } catch (error) {
        this.#lose(error);
      }
      if (!this.#stopped) await this.#sleep(RETRY_MIN_MS + Math.random() * (RETRY_MAX_MS - RETRY_MIN_MS));
    }
    this.#connected = false;
  }

  /** One connection, from the first call to the error that ends it. Returns only when stopped. */
  async #session(): Promise<void> {
    const { address, gobgp } = this.#options;
    // gRPC is loaded beside the start of the daemon, which is ready before GoBGP could answer.
    const { GobgpClient } = await import('./gobgpClient.ts');
    const client = new GobgpClient({ address, api: gobgp.api, tls: gobgp.tls, timeoutSeconds: gobgp.timeoutSeconds });
    let stopWatch: (() => void) | undefined;
    try {
      const identity = await client.getBgp();
      this.#identity = identity;
      this.#options.onAsn?.(identity.asn);
      const link = this.#reconciler.attach(client, identity.asn);
      this.#resetWork(link);
      stopWatch = this.#watch(client);
      await this.#fullPass(link);
      this.#gain(identity);
      while (!this.#stopped) await this.#nextPass(link);
    } finally {
      stopWatch?.();
      this.#orphanSearch?.stop();
      this.#advertisedReading?.stop();
      client.close();
    }
  }

  #watch(client: GobgpClient): () => void {
    let current = true;
    const stop = client.watch(
      (event) => this.#noteHint(event.peerChanged, event.paths),
      (error) => {
        if (!current) return;
        this.#sessionError = error ?? new GobgpError('UNAVAILABLE', 'WatchEvent', 'it ended the stream of events');
        this.#wake?.();
      },
    );
    return () => {
      current = false;
      stop();
    };
  }

  #noteHint(peerChanged: boolean, paths: readonly WirePath[]): void {
    if (peerChanged || this.#hints.length + paths.length > MAX_HINTS) {
      this.#hints = [];
      this.#requestFullPass();
    } else {
      if (paths.length === 0) return;
      this.#hints.push(...paths);
      if (this.#hintsDueAt === Number.POSITIVE_INFINITY) this.#hintsDueAt = performance.now() + HINT_DELAY_MS;
    }
    this.#wake?.();
  }

  /** Waits for work and does it. */
  async #nextPass(link: Link): Promise<void> {
    const now = performance.now();
    if (this.#sessionError !== undefined) throw this.#sessionError;
    if (this.#changesDue) {
      this.#changesDue = false;
      this.#report(await this.#reconciler.reconcileChanges(link));
      await this.#advertisedReading?.run(LISTING_PATIENCE_MS);
    } else if (this.#fullPassDueAt <= now) {
      const { asn } = await link.client.getBgp();
      if (asn !== this.#identity?.asn) throw new GobgpError('ABORTED', 'GetBgp', `its ASN is now ${asn}`);
      await this.#fullPass(link);
    } else if (this.#hintsDueAt <= now) {
      this.#judgeHints();
    } else {
      await this.#sleep(Math.min(this.#fullPassDueAt, this.#hintsDueAt) - now);
    }
  }

  /** By now our own changes have been read back, so what still differs from the snapshot is somebody else's doing. */
  #judgeHints(): void {
    const isNews = this.#hints.some((path) => this.#reconciler.isNews(path));
    this.#hints = [];
    this.#hintsDueAt = Number.POSITIVE_INFINITY;
    if (isNews) this.#requestFullPass();
  }

  /** As soon as the last one has been rested from. */
  #requestFullPass(): void {
    this.#fullPassDueAt = Math.min(this.#fullPassDueAt, this.#earliestFullPassAt);
  }

  async #fullPass(link: Link): Promise<void> {
    const statesBefore = new Map(this.peers().map((peer) => [peer.address, peer.state]));
    await this.#orphanSearch?.run(this.#listingPatienceMs);
    this.#listingPatienceMs = LISTING_PATIENCE_MS;
    const startedAt = performance.now();
    this.#changesDue = false;
    this.#fullPassDueAt = Number.POSITIVE_INFINITY;
    const changed = await this.#reconciler.reconcileAll(link);
    const now = performance.now();
    this.#earliestFullPassAt = now + (now - startedAt) * REST_FACTOR;
    // What was requested meanwhile came too late for this pass.
    const nextRepairAt = this.#reconciler.drift.nextRepairAt() ?? Number.POSITIVE_INFINITY;
    const dueAt = Math.min(this.#fullPassDueAt, now + FULL_PASS_MS, nextRepairAt);
    this.#fullPassDueAt = Math.max(dueAt, this.#earliestFullPassAt);
    for (const peer of this.peers()) {
      if (statesBefore.get(peer.address) === peer.state) continue;
      this.#options.log.info({ gobgp: peer.daemon, peer: peer.address, state: peer.state }, 'peer changed');
      this.#options.onChange?.({ kind: 'peer', peer });
    }
    this.#report(changed);
    await this.#advertisedReading?.run(LISTING_PATIENCE_MS);
  }

  #report(changed: boolean): void {
    if (changed) this.#options.onChange?.({ kind: 'routes' });
  }

  #resetWork(link: Link): void {
    this.#sessionError = undefined;
    const onError = (error: unknown): void => {
      this.#options.log.warn({ gobgp: this.#options.address, error: messageOf(error) }, 'cannot list a whole table');
    };
    this.#orphanSearch = new BackgroundListing({
      list: () => this.#reconciler.findOrphans(link),
      onChange: () => {
        this.#requestFullPass();
        this.#wake?.();
      },
      onError,
      restFactor: REST_FACTOR,
    });
    this.#advertisedReading = new BackgroundListing({
      list: () => this.#reconciler.readAdvertised(link),
      onChange: () => this.#report(true),
      onError,
      restFactor: REST_FACTOR,
    });
    this.#hints = [];
    this.#hintsDueAt = Number.POSITIVE_INFINITY;
    this.#earliestFullPassAt = 0;
  }

  #gain({ api, asn }: GobgpIdentity): void {
    const { address, log, onChange } = this.#options;
    this.#connected = true;
    this.#lastError = undefined;
    log.info({ gobgp: address, api, asn }, 'GoBGP connected');
    onChange?.({ kind: 'connection', address, connected: true });
  }

  #lose(error: unknown): void {
    const { address, log, onChange } = this.#options;
    const message = messageOf(error);
    const isNew = this.#connected || this.#lastError !== message;
    const wasConnected = this.#connected;
    this.#connected = false;
    this.#lastError = message;
    this.#reconciler.detach(`GoBGP at ${address} cannot be reached: ${message}`);
    if (isNew) log.warn({ gobgp: address, error: message }, 'GoBGP cannot be reached');
    if (wasConnected) onChange?.({ kind: 'connection', address, connected: false });
  }

  /** Until woken, or for so many milliseconds. */
  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
