/*
 * What the daemon's rooms tell, made into rows of history: an attack's start and end, what its ban does, what was asked
 * of Kapkan, and the traffic. Nothing here waits; the rows go to the history thread.
 */
import path from 'node:path';
import { attackViews } from '../api/views/attackView.ts';
import type { AuditEvent, AuditQuery, AuditSink } from '../auditEvent.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { IncidentEvent, StoreEvent } from '../incidents/incidentEvent.ts';
import type { ReceiverPool } from '../ingest/receiverPool.ts';
import type { Logger } from '../log.ts';
import type { HistorySettings } from '../storage/history/historyMessages.ts';
import type { AttackEventKind, RowCounts } from '../storage/history/historyRows.ts';
import type { AttackQuery, HistoryReader, TrafficQuery } from '../storage/history/historyStore.ts';
import { HistoryThread } from '../storage/history/historyThread.ts';
import { TrafficSampler } from './trafficSampler.ts';

/** The embedded store is on this machine: small batches cost it little, and nobody waits long for a row. */
const EMBEDDED_LIMITS = { queueSize: 100_000, batchSize: 1000, maxBatchSize: 5000, flushIntervalMs: 1000 };

/** Batches of ClickHouse grow to so many times their size where rows have piled up. */
const CATCH_UP_FACTOR = 10;

export interface HistoryFeedOptions {
  /** The running one. */
  readonly config: () => Config;
  readonly clock: Clock;
  readonly pool: ReceiverPool;
  readonly log: Logger;
}

export class HistoryFeed implements HistoryReader, AuditSink {
  readonly #options: HistoryFeedOptions;
  readonly #thread: HistoryThread;
  readonly #sampler: TrafficSampler;
  #lastSequence = 0;

  /** Starts the history thread; traffic is sampled from `start` on. */
  constructor(options: HistoryFeedOptions) {
    this.#options = options;
    const { storage } = options.config();
    this.#thread = new HistoryThread(settingsOf(storage), ({ level, message, fields }) =>
      options.log[level](fields, message),
    );
    this.#sampler = new TrafficSampler({
      ...options,
      intervalSeconds: (storage.clickhouse ?? storage).trafficIntervalSeconds,
      onSample: (sample) => this.#thread.addTraffic(sample),
    });
  }

  start(): void {
    this.#sampler.start();
  }

  async stop(): Promise<void> {
    this.#sampler.stop();
    await this.#thread.stop();
  }

  /** Stores what happened to an attack; what is about no attack has no row. */
  incident(event: IncidentEvent): void {
    const { config } = this.#options;
    if (!('attack' in event) || event.attack === undefined) return;
    const { attack, ban } = event;
    const [view] = attackViews([attack], {
      config,
      bans: () => (ban === undefined ? [] : [{ ...ban, attackId: attack.id }]),
    });
    const { id, scope, target, group, direction, metric, threshold, rates } = view;
    this.#thread.addAttackEvent({
      sequence: this.#nextSequence(),
      eventTime: Math.floor(event.at),
      event: storedKind(event),
      attackId: id,
      startedAt: Math.floor(attack.startedAt),
      endedAt: Math.floor(attack.endedAt ?? 0),
      ...{ scope, target, group, direction, metric, threshold },
      tenant: view.tenant ?? '',
      type: view.classification.type,
      rate: view.rate,
      pps: rates.pps,
      mbps: rates.mbps,
      flowsPerSec: rates.flows_per_sec,
      banState: view.ban_state ?? '',
      method: view.method ?? '',
      route: view.route ?? '',
      dryRun: view.dry_run,
      attack: JSON.stringify(view),
    });
  }

  record(event: AuditEvent): void {
    this.#thread.addAuditEvent({ ...event, eventTime: Math.floor(event.eventTime), sequence: this.#nextSequence() });
  }

  attacks(query: AttackQuery): ReturnType<HistoryReader['attacks']> {
    return this.#thread.attacks(query);
  }

  traffic(query: TrafficQuery): ReturnType<HistoryReader['traffic']> {
    return this.#thread.traffic(query);
  }

  audit(query: AuditQuery): ReturnType<HistoryReader['audit']> {
    return this.#thread.audit(query);
  }

  counts(): Promise<RowCounts> {
    return this.#thread.counts();
  }

  /** Microseconds of the clock, as far as there is no other event in one; so it grows over restarts, too. */
  #nextSequence(): number {
    this.#lastSequence = Math.max(this.#lastSequence + 1, Math.floor(this.#options.clock.now() * 1000));
    return this.#lastSequence;
  }
}

/** A fallback is stored under a name of its own, so that it can be searched for. */
function storedKind(event: Exclude<IncidentEvent, StoreEvent>): AttackEventKind {
  return event.kind === 'ban_changed' && event.change === 'fallback' ? 'ban_fell_back' : event.kind;
}

function settingsOf({ path: directory, retentionDays, clickhouse }: Config['storage']): HistorySettings {
  if (clickhouse === undefined) {
    const file = path.join(directory, 'history.db');
    return { store: { kind: 'sqlite', file, retentionDays }, limits: EMBEDDED_LIMITS };
  }
  const { queueSize, batchSize, flushIntervalSeconds } = clickhouse;
  const flushIntervalMs = flushIntervalSeconds * 1000;
  const limits = { queueSize, batchSize, maxBatchSize: CATCH_UP_FACTOR * batchSize, flushIntervalMs };
  return { store: { kind: 'clickhouse', clickhouse }, limits };
}
