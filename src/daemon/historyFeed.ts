/*
 * Makes history rows of incident events, audit events and traffic samples, and passes the API's queries on. Nothing
 * here waits: the history thread does the work.
 */
import path from 'node:path';
import type { AuditEvent, AuditQuery, AuditSink } from '../auditEvent.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { eventCode, eventDetail, type IncidentEvent, isRecorded } from '../incidents/incidentEvent.ts';
import type { ReceiverPool } from '../ingest/receiverPool.ts';
import type { Logger } from '../log.ts';
import { attackJson } from '../shapes/attackJson.ts';
import type { HistorySettings } from '../storage/history/historyMessages.ts';
import type { RowCounts } from '../storage/history/historyRows.ts';
import type { AttackQuery, HistoryReader, TrafficQuery } from '../storage/history/historyStore.ts';
import { HistoryThread } from '../storage/history/historyThread.ts';
import { TrafficSampler } from './trafficSampler.ts';

/** The embedded store is on this machine, so small batches cost little and rows are visible soon. */
const EMBEDDED_LIMITS = { queueSize: 100_000, batchSize: 1000, maxBatchSize: 5000, flushIntervalMs: 1000 };

/** When many rows wait, a ClickHouse batch may be this many times larger. */
const CATCH_UP_FACTOR = 10;

export interface HistoryFeedOptions {
  /** The config in force. */
  readonly config: () => Config;
  readonly clock: Clock;
  readonly pool: Pick<ReceiverPool, 'traffic'>;
  readonly log: Logger;
}

export class HistoryFeed implements HistoryReader, AuditSink {
  readonly #options: HistoryFeedOptions;
  readonly #thread: HistoryThread;
  readonly #sampler: TrafficSampler;
  #lastSequence = 0;

  /** Starts the history thread. `start` starts the sampling of traffic. */
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

  /** Stores what happened to an attack. An event without an attack has no row, nor has the progress of one. */
  incident(event: IncidentEvent): void {
    const { config } = this.#options;
    if (!('attack' in event) || event.attack === undefined || !isRecorded(event)) return;
    const { attack, ban } = event;
    const json = attackJson({ attack, ban }, config());
    const { id, scope, target, group, direction, metric, threshold, rates } = json;
    this.#thread.addAttackEvent({
      sequence: this.#nextSequence(),
      eventTime: Math.floor(event.at),
      event: event.kind,
      code: eventCode(event),
      detail: eventDetail(event),
      attackId: id,
      startedAt: Math.floor(attack.startedAt),
      endedAt: Math.floor(attack.endedAt ?? 0),
      ...{ scope, target, group, direction, metric, threshold },
      tenant: json.tenant ?? '',
      type: json.classification.type,
      rate: json.rate,
      pps: rates.pps,
      mbps: rates.mbps,
      flowsPerSec: rates.flows_per_sec,
      banState: json.ban_state ?? '',
      method: json.method ?? '',
      route: json.route ?? '',
      dryRun: json.dry_run,
      attack: JSON.stringify(json),
    });
  }

  record(event: AuditEvent): void {
    this.#thread.addAuditEvent({ ...event, eventTime: Math.floor(event.eventTime), sequence: this.#nextSequence() });
  }

  attacks(query: AttackQuery): ReturnType<HistoryReader['attacks']> {
    return this.#thread.attacks(query);
  }

  attack(id: string): ReturnType<HistoryReader['attack']> {
    return this.#thread.attack(id);
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

  /** Clock microseconds, or one more than the last number where that is higher. It grows over restarts too. */
  #nextSequence(): number {
    this.#lastSequence = Math.max(this.#lastSequence + 1, Math.floor(this.#options.clock.now() * 1000));
    return this.#lastSequence;
  }
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
