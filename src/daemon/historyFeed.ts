/*
 * What the daemon's rooms tell, made into rows of history: an attack's start and end, what its ban does, what was asked
 * of Kapkan, and the traffic. Nothing here waits; the rows go to the history thread.
 */
import path from 'node:path';
import { attackViews } from '../api/views/attackView.ts';
import type { AuditEvent, AuditQuery, AuditSink } from '../auditEvent.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { Attack } from '../engine/attack.ts';
import type { ReceiverPool } from '../ingest/receiverPool.ts';
import type { Logger } from '../log.ts';
import type { Ban } from '../mitigation/ban.ts';
import type { MitigationEvent } from '../mitigation/mitigationEvent.ts';
import type { HistorySettings } from '../storage/history/historyMessages.ts';
import type { AttackEventKind, AttackEventRow, RowCounts } from '../storage/history/historyRows.ts';
import type { AttackQuery, HistoryReader, TrafficQuery } from '../storage/history/historyStore.ts';
import { HistoryThread } from '../storage/history/historyThread.ts';
import { TrafficSampler } from './trafficSampler.ts';

/** Ended attacks that are remembered, for a ban may end after its attack. */
const REMEMBERED_ATTACKS = 1000;

/** The embedded store is on this machine: small batches cost it little, and nobody waits long for a row. */
const EMBEDDED_LIMITS = { queueSize: 100_000, batchSize: 1000, maxBatchSize: 5000, flushIntervalMs: 1000 };

/** Batches of ClickHouse grow to so many times their size where rows have piled up. */
const CATCH_UP_FACTOR = 10;

/** The kinds of event that are about a ban of an attack, by what the controller calls them. */
const BAN_EVENTS = {
  ban_started: 'ban_started',
  ban_changed: 'ban_changed',
  fell_back: 'ban_fell_back',
  ban_ended: 'ban_ended',
  ban_rejected: 'ban_rejected',
  ban_failed: 'ban_failed',
} as const satisfies { readonly [kind in MitigationEvent['kind']]?: AttackEventKind };

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
  readonly #attacks = new Map<string, Attack>();
  /** The newest ban of each of them. */
  readonly #bans = new Map<string, Ban>();
  readonly #ended: string[] = [];
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

  /** To be told before the controller is, whose bans are the attack's next events. */
  attackStarted(attack: Attack): void {
    this.#attacks.set(attack.id, attack);
    this.#addEvent('attack_started', attack);
  }

  /** An attack of before a restart goes on: what happens to it next is an event again. */
  attackResumed(attack: Attack, ban: Ban): void {
    this.#attacks.set(attack.id, attack);
    this.#bans.set(attack.id, ban);
  }

  attackEnded(attack: Attack): void {
    this.#addEvent('attack_ended', attack);
    this.#ended.push(attack.id);
    if (this.#ended.length <= REMEMBERED_ATTACKS) return;
    const forgotten = this.#ended.shift() ?? '';
    this.#attacks.delete(forgotten);
    this.#bans.delete(forgotten);
  }

  mitigationEvent(event: MitigationEvent): void {
    if (event.kind === 'store_failed' || event.kind === 'store_recovered') return;
    const { attackId } = event.ban;
    const attack = attackId === undefined ? undefined : this.#attacks.get(attackId);
    if (attack === undefined) return;
    this.#bans.set(attack.id, event.ban);
    this.#addEvent(BAN_EVENTS[event.kind], attack);
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

  #addEvent(event: AttackEventKind, attack: Attack): void {
    const { config, clock } = this.#options;
    const ban = this.#bans.get(attack.id);
    const [view] = attackViews([attack], { config, bans: () => (ban === undefined ? [] : [ban]) });
    const { id, scope, target, group, direction, metric, threshold, rates } = view;
    const row: AttackEventRow = {
      sequence: this.#nextSequence(),
      eventTime: Math.floor(clock.now()),
      event,
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
    };
    this.#thread.addAttackEvent(row);
  }

  /** Microseconds of the clock, as far as there is no other event in one; so it grows over restarts, too. */
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
