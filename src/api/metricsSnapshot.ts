/*
 * Everything countable about the daemon at one moment: what `/metrics` exposes.
 */
import type { IngestSnapshot } from '../ingest/ingestSnapshot.ts';
import type { MitigationCounters } from '../mitigation/banCommit.ts';

export const NOTIFY_CHANNELS = ['telegram', 'slack', 'email', 'webhook', 'exec'] as const;
export const NOTIFY_RESULTS = ['ok', 'error', 'dropped'] as const;
export const STORAGE_TABLES = ['attack_events', 'traffic', 'audit_events'] as const;
export const STORAGE_RESULTS = ['written', 'dropped', 'error'] as const;
export type NotifyChannel = (typeof NOTIFY_CHANNELS)[number];
export type NotifyResult = (typeof NOTIFY_RESULTS)[number];
export type StorageTable = (typeof STORAGE_TABLES)[number];
export type StorageResult = (typeof STORAGE_RESULTS)[number];

/** Everything is counted since start unless it says otherwise. What is absent counts as 0. */
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
