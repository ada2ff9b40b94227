/*
 * Looks once a second at GoBGP, its peers, the exporters and the attacks that last, and reports:
 * operational events, and the progress of attacks where `notify.update_seconds` asks for it.
 */
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { AnnouncerGroup } from '../gobgp/announcerGroup.ts';
import type { AttackEvent } from '../incidents/incidentEvent.ts';
import type { IncidentTable } from '../incidents/incidentTable.ts';
import { OTHER_EXPORTERS } from '../ingest/ingestSnapshot.ts';
import type { ReceiverPool } from '../ingest/receiverPool.ts';
import type { OperationalEvent } from '../operationalEvent.ts';
import { attackProgress } from './attackProgress.ts';
import { OperationalWatch } from './operationalWatch.ts';

const POLL_MS = 1000;

/** Exporters are read only in one of so many polls, because every thread has to answer. */
const EXPORTER_POLLS = 5;

export interface OperationalMonitorOptions {
  /** The config in force. */
  readonly config: () => Config;
  readonly clock: Clock;
  readonly announcers: Pick<AnnouncerGroup, 'status' | 'peers'>;
  readonly pool: Pick<ReceiverPool, 'snapshot'>;
  readonly incidents: Pick<IncidentTable, 'active'>;
  readonly onEvent: (event: OperationalEvent) => void;
  /** `attack_updated` of an attack that lasts. It is not part of the incident's timeline. */
  readonly onProgress: (event: AttackEvent) => void;
}

export class OperationalMonitor {
  readonly #options: OperationalMonitorOptions;
  readonly #watch = new OperationalWatch();
  #timer: NodeJS.Timeout | undefined;
  #polls = 0;
  #polledAt: number;

  constructor(options: OperationalMonitorOptions) {
    this.#options = options;
    this.#polledAt = options.clock.now();
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
    this.#polledAt += deltaMs;
  }

  async #poll(): Promise<void> {
    const { config, clock, announcers, pool, incidents, onEvent, onProgress } = this.#options;
    const { dryRun, notify } = config();
    const snapshot = this.#polls++ % EXPORTER_POLLS === 0 ? await pool.snapshot() : undefined;
    if (this.#timer === undefined) return;
    // With `flow_sources`, only those have their own label. Others may be anybody's forged datagrams.
    const exporters = snapshot?.exporters.filter(({ label }) => label !== OTHER_EXPORTERS);
    const now = clock.now();
    const state = { gobgp: announcers.status(), peers: announcers.peers(), exporters, isLive: !dryRun };
    for (const event of this.#watch.review(state, now)) onEvent(event);
    const updates = attackProgress(incidents.active(), notify.updateSeconds, this.#polledAt, now);
    for (const event of updates) onProgress(event);
    this.#polledAt = now;
    this.start();
  }
}
