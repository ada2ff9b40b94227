/*
 * Finds operational events: compares the state of GoBGP, its peers and the exporters with their state before.
 *
 * A short outage is not reported: a restart of GoBGP and a BGP session that is reset take a few seconds.
 */
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { AnnouncerGroup } from '../gobgp/announcerGroup.ts';
import { OTHER_EXPORTERS } from '../ingest/ingestSnapshot.ts';
import type { ReceiverPool } from '../ingest/receiverPool.ts';
import type { OperationalEvent, OperationalEventKind } from '../operationalEvent.ts';

export const GOBGP_GRACE_MS = 10_000;
export const PEER_GRACE_MS = 15_000;

/** An exporter is silent after this time, or after three times its longest pause so far, up to the second time. */
export const SILENT_AFTER_MS = 60_000;
const LONGEST_SILENT_AFTER_MS = 600_000;

/** Only an exporter that sent so many datagrams is watched: a few datagrams from anywhere must not cause alerts. */
export const WATCHED_AFTER_DATAGRAMS = 10;

/** Exporters watched at most. */
const MAX_EXPORTERS = 1024;

/** What is seen at one moment. */
export interface OperationalState {
  readonly gobgp: readonly {
    readonly address: string;
    readonly connected: boolean;
    readonly lastError: string | undefined;
    /** Another program undoes what Kapkan does there. */
    readonly conflict: { readonly detail: string } | undefined;
  }[];
  /** `daemon` is the address of the GoBGP. */
  readonly peers: readonly {
    readonly daemon: string;
    readonly address: string;
    readonly asn: number;
    readonly state: string;
  }[];
  /** Undefined where they were not read this time. */
  readonly exporters:
    | readonly { readonly address: string; readonly datagrams: number; readonly lastSeenAt: number }[]
    | undefined;
  /** Live: GoBGP is needed even if it was never reached. In dry-run it may be absent. */
  readonly isLive: boolean;
}

interface Watched {
  downSince: number | undefined;
  isReported: boolean;
}

interface WatchedPeer extends Watched {
  readonly daemon: string;
  readonly address: string;
  readonly asn: number;
}

interface WatchedExporter extends Watched {
  lastSeenAt: number;
  longestPauseMs: number;
}

/** Compares each state with the one before. It has no timer and no clock. */
export class OperationalWatch {
  readonly #gobgp = new Map<string, Watched>();
  /** GoBGPs in which another program works against Kapkan. */
  readonly #conflicts = new Set<string>();
  /** Peers that were established once. */
  readonly #peers = new Map<string, WatchedPeer>();
  readonly #exporters = new Map<string, WatchedExporter>();

  /** Returns what changed since the last call. `now` is clock milliseconds. */
  review(state: OperationalState, now: number): OperationalEvent[] {
    return [
      ...this.#reviewGobgp(state, now),
      ...this.#reviewConflicts(state, now),
      ...this.#reviewPeers(state, now),
      ...(state.exporters === undefined ? [] : this.#reviewExporters(state.exporters, now)),
    ];
  }

  /** The wall clock was set by this much; the times held move with it. */
  clockStepped(deltaMs: number): void {
    for (const watched of [...this.#gobgp.values(), ...this.#peers.values(), ...this.#exporters.values()]) {
      if (watched.downSince !== undefined) watched.downSince += deltaMs;
    }
    for (const exporter of this.#exporters.values()) exporter.lastSeenAt += deltaMs;
  }

  #reviewGobgp({ gobgp, isLive }: OperationalState, now: number): OperationalEvent[] {
    return gobgp.flatMap(({ address, connected, lastError }) => {
      const watched = this.#gobgp.get(address) ?? newWatched();
      if (connected || isLive) this.#gobgp.set(address, watched);
      if (!this.#gobgp.has(address)) return [];
      const change = judge(watched, connected, GOBGP_GRACE_MS, now);
      if (change === 'down') {
        const why = lastError ?? 'it does not answer';
        return [eventOf('gobgp_down', address, `${why}; not reached for ${seconds(GOBGP_GRACE_MS)}`, now)];
      }
      return change === 'up' ? [eventOf('gobgp_up', address, 'connected again', now)] : [];
    });
  }

  #reviewConflicts({ gobgp }: OperationalState, now: number): OperationalEvent[] {
    return gobgp.flatMap(({ address, conflict }) => {
      if (this.#conflicts.has(address) === (conflict !== undefined)) return [];
      if (conflict !== undefined) {
        this.#conflicts.add(address);
        return [eventOf('gobgp_conflict', address, conflict.detail, now)];
      }
      this.#conflicts.delete(address);
      return [eventOf('gobgp_conflict_over', address, 'no route was undone for some minutes', now)];
    });
  }

  #reviewPeers({ gobgp, peers }: OperationalState, now: number): OperationalEvent[] {
    for (const { daemon, address, asn, state } of peers) {
      const key = `${daemon} ${address}`;
      if (state !== 'established' || this.#peers.has(key)) continue;
      this.#peers.set(key, { ...newWatched(), daemon, address, asn });
    }
    const states = new Map(peers.map(({ daemon, address, state }) => [`${daemon} ${address}`, state]));
    const reached = new Set(gobgp.filter(({ connected }) => connected).map(({ address }) => address));
    return [...this.#peers].flatMap(([key, peer]) => {
      // While GoBGP is not reached, nothing is known about its peers.
      if (!reached.has(peer.daemon)) {
        peer.downSince = undefined;
        return [];
      }
      const state = states.get(key);
      const change = judge(peer, state === 'established', PEER_GRACE_MS, now);
      const who = `AS ${peer.asn} at GoBGP ${peer.daemon}`;
      if (change === 'down') {
        const what = state === undefined ? 'it is no longer a neighbour' : `the session is ${state}`;
        return [eventOf('peer_down', peer.address, `${who}: ${what}`, now)];
      }
      return change === 'up' ? [eventOf('peer_up', peer.address, `${who}: the session is established`, now)] : [];
    });
  }

  #reviewExporters(exporters: NonNullable<OperationalState['exporters']>, now: number): OperationalEvent[] {
    for (const { address, datagrams, lastSeenAt } of exporters) {
      const known = this.#exporters.get(address);
      if (known === undefined) {
        if (datagrams < WATCHED_AFTER_DATAGRAMS || this.#exporters.size >= MAX_EXPORTERS) continue;
        this.#exporters.set(address, { ...newWatched(), lastSeenAt, longestPauseMs: 0 });
      } else if (lastSeenAt > known.lastSeenAt) {
        // The pause that an outage made is not usual.
        if (!known.isReported) known.longestPauseMs = Math.max(known.longestPauseMs, lastSeenAt - known.lastSeenAt);
        known.lastSeenAt = lastSeenAt;
      }
    }
    return [...this.#exporters].flatMap(([address, exporter]) => {
      const limit = Math.min(LONGEST_SILENT_AFTER_MS, Math.max(SILENT_AFTER_MS, 3 * exporter.longestPauseMs));
      const silentMs = now - exporter.lastSeenAt;
      const change = judge(exporter, silentMs < limit, 0, now);
      if (change === 'down') return [eventOf('exporter_silent', address, `no telemetry for ${seconds(silentMs)}`, now)];
      return change === 'up' ? [eventOf('exporter_back', address, 'it sends telemetry again', now)] : [];
    });
  }
}

function newWatched(): Watched {
  return { downSince: undefined, isReported: false };
}

/** Returns what has to be reported, once for each outage. */
function judge(watched: Watched, isUp: boolean, graceMs: number, now: number): 'down' | 'up' | undefined {
  if (isUp) {
    const wasReported = watched.isReported;
    watched.downSince = undefined;
    watched.isReported = false;
    return wasReported ? 'up' : undefined;
  }
  watched.downSince ??= now;
  if (watched.isReported || now - watched.downSince < graceMs) return undefined;
  watched.isReported = true;
  return 'down';
}

function eventOf(kind: OperationalEventKind, subject: string, detail: string, at: number): OperationalEvent {
  return { kind, at, subject, detail };
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

const POLL_MS = 1000;

/** Exporters are read only in one of so many polls, because every thread has to answer. */
const EXPORTER_POLLS = 5;

export interface OperationalMonitorOptions {
  /** The config in force. */
  readonly config: () => Config;
  readonly clock: Clock;
  readonly announcers: Pick<AnnouncerGroup, 'status' | 'peers'>;
  readonly pool: Pick<ReceiverPool, 'snapshot'>;
  readonly onEvent: (event: OperationalEvent) => void;
}

/** Reads the state of GoBGP, its peers and the exporters once a second, and reports what changed. */
export class OperationalMonitor {
  readonly #options: OperationalMonitorOptions;
  readonly #watch = new OperationalWatch();
  #timer: NodeJS.Timeout | undefined;
  #polls = 0;

  constructor(options: OperationalMonitorOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setTimeout(() => void this.#poll(), POLL_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The wall clock was set by this much. */
  clockStepped(deltaMs: number): void {
    this.#watch.clockStepped(deltaMs);
  }

  async #poll(): Promise<void> {
    const { config, clock, announcers, pool, onEvent } = this.#options;
    const snapshot = this.#polls++ % EXPORTER_POLLS === 0 ? await pool.snapshot() : undefined;
    if (this.#timer === undefined) return;
    // With `flow_sources`, only those have their own label. Others may be anybody's forged datagrams.
    const exporters = snapshot?.exporters.filter(({ label }) => label !== OTHER_EXPORTERS);
    const now = clock.now();
    const state = { gobgp: announcers.status(), peers: announcers.peers(), exporters, isLive: !config().dryRun };
    for (const event of this.#watch.review(state, now)) onEvent(event);
    this.start();
  }
}
