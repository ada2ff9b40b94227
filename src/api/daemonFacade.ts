/*
 * What the API needs of the daemon: what it shows and what it may request. The daemon implements it over its rooms;
 * tests implement it over plain values. Times are clock milliseconds.
 *
 * A method that needs the receiving threads, GoBGP or the disk returns a promise.
 */
import type { AuditArchive } from '../auditEvent.ts';
import type { Config } from '../config/config.ts';
import type { HostReport } from '../engine/hostReport.ts';
import type { GobgpStatus } from '../gobgp/gobgpAnnouncer.ts';
import type { Peer } from '../gobgp/peer.ts';
import type { Incident } from '../incidents/incidentTable.ts';
import type { IngestSnapshot } from '../ingest/ingestSnapshot.ts';
import type { RouteEvidence } from '../mitigation/announcer.ts';
import type { Ban } from '../mitigation/ban.ts';
import type { MitigationCounters } from '../mitigation/banCommit.ts';
import type { ManualBanRequest } from '../mitigation/banJudge.ts';
import type { Address } from '../net/address.ts';
import type { NotifierStatus, TestOutcome } from '../notify/notifier.ts';
import type { AttackJson } from '../shapes/attackJson.ts';
import type {
  AttackQuery,
  Page,
  PastAttack,
  PastIncident,
  TrafficPoint,
  TrafficQuery,
} from '../storage/history/historyStore.ts';
import type { TotalMetric } from '../trafficMetrics.ts';

export interface DaemonFacade extends AuditArchive {
  readonly version: string;
  /** False until everything is started; then `/healthz` says ok and the API answers. `/metrics` answers before, too. */
  ready(): boolean;
  uptimeSeconds(): number;
  /** The running configuration; another object after a reload. */
  config(): Config;

  /** Attacks in progress, in the order in which they were found, each with the ban that answers it. */
  activeIncidents(): readonly Incident[];
  /** Those that ended since the start, newest first; as many as are kept. */
  endedIncidents(): readonly Incident[];
  /** Those that ended before the start, newest first; one that continued after the restart may be among them. */
  earlierAttacks(): readonly AttackJson[];
  /** By the id of its attack, active or ended since the start. */
  incident(attackId: string): Incident | undefined;
  /** Active and past, newest first. */
  bans(): readonly Ban[];
  /** Of a route by `routeKey`, from the announcer that has it: GoBGP's, or the one that records in dry-run. */
  evidence(routeKey: string, dryRun: boolean): RouteEvidence;

  /** The busiest protected hosts by one metric, largest first, at most `limit`. */
  topHosts(query: HostQuery): Promise<HostReport>;
  /** Counters and exporters, of all receiving threads together. */
  ingest(): Promise<IngestSnapshot>;
  /** One entry for each configured GoBGP, in the order of the config. */
  gobgp(): readonly GobgpStatus[];
  /** The neighbours of all of them. */
  peers(): readonly Peer[];
  metrics(): Promise<MetricsSnapshot>;
  /** Attacks from history. These three reject with an ApiError where history is not available. */
  pastAttacks(query: AttackQuery): Promise<Page<PastAttack>>;
  pastAttack(id: string): Promise<PastIncident | undefined>;
  pastTraffic(query: TrafficQuery): Promise<readonly TrafficPoint[]>;
  /** The channels, and the state of delivery. */
  notifications(): NotifierStatus;

  /** Bans by hand, through every guard. A ban that a guard refuses is returned in the state `rejected`. */
  ban(request: ManualBanRequest): Promise<Ban>;
  /** Ends the active ban of the target; undefined where there is none. */
  unban(target: Address, operator: string): Promise<Ban | undefined>;
  /** Who paused all announcements, and when; undefined while routes are announced. */
  pauseState(): Pause | undefined;
  /** Withdraws every route and announces none until `resume`; bans and detection continue. */
  pause(operator: string): Pause;
  resume(operator: string): void;
  /** Sends a test through every channel. Never rejects: failures are part of the answer. */
  testNotifications(): Promise<readonly TestOutcome[]>;
  /** Reads the file again and applies it, all or nothing. */
  reload(): Promise<ReloadOutcome>;
}

export interface HostQuery {
  readonly metric: TotalMetric;
  readonly limit: number;
  /** Numbers of groups; undefined = all. */
  readonly groups: readonly number[] | undefined;
}

export interface Pause {
  /** Clock milliseconds. */
  readonly since: number;
  /** Name of the operator's token. */
  readonly by: string;
}

export type ReloadOutcome =
  | { readonly reloaded: true; readonly dryRun: boolean }
  | { readonly reloaded: false; readonly errors: readonly string[] };

export const NOTIFY_CHANNELS = ['telegram', 'slack', 'email', 'webhook', 'exec'] as const;
export const NOTIFY_RESULTS = ['ok', 'error', 'dropped'] as const;
export const STORAGE_TABLES = ['attack_events', 'traffic', 'audit_events'] as const;
export const STORAGE_RESULTS = ['written', 'dropped', 'error'] as const;
export type NotifyChannel = (typeof NOTIFY_CHANNELS)[number];
export type NotifyResult = (typeof NOTIFY_RESULTS)[number];
export type StorageTable = (typeof STORAGE_TABLES)[number];
export type StorageResult = (typeof STORAGE_RESULTS)[number];

/**
 * The counters of the daemon at one moment, for `/metrics`. Everything is counted since the start where nothing else is
 * said. What is absent counts as 0.
 */
export interface MetricsSnapshot {
  readonly ingest: IngestSnapshot;
  /** Upper bounds of `ingest.latency`, in seconds, ascending, without infinity. */
  readonly latencyBoundsSeconds: readonly number[];
  readonly engine: {
    readonly attacks: number;
    /** Attacks found while the table of attacks was full. */
    readonly attacksOverLimit: number;
  };
  readonly mitigation: {
    /** Routes of each kind now: read back from GoBGP, and what dry-run would have announced. */
    readonly real: { readonly unicast: number; readonly flowspec: number };
    readonly dryRun: { readonly unicast: number; readonly flowspec: number };
    readonly counters: MitigationCounters;
  };
  readonly notifications: { readonly [channel in NotifyChannel]?: { readonly [result in NotifyResult]?: number } };
  readonly storageRows: { readonly [table in StorageTable]?: { readonly [result in StorageResult]?: number } };
}
