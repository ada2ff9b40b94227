/*
 * Looks once a second at GoBGP, its peers and the exporters, and reports what changed as operational events.
 */
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { AnnouncerGroup } from '../gobgp/announcerGroup.ts';
import { OTHER_EXPORTERS } from '../ingest/ingestSnapshot.ts';
import type { ReceiverPool } from '../ingest/receiverPool.ts';
import type { OperationalEvent } from '../operationalEvent.ts';
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
  readonly onEvent: (event: OperationalEvent) => void;
}

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
