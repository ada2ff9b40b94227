/*
 * The daemon as the API sees it: passes each request on to the room that has the answer.
 */
import { ApiError } from '../api/apiError.ts';
import type { DaemonFacade, HostQuery, MetricsSnapshot, Pause, ReloadOutcome } from '../api/daemonFacade.ts';
import type { AuditPage, AuditQuery } from '../auditEvent.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { HostReport } from '../engine/hostReport.ts';
import type { AnnouncerGroup } from '../gobgp/announcerGroup.ts';
import type { GobgpStatus } from '../gobgp/gobgpAnnouncer.ts';
import type { Peer } from '../gobgp/peer.ts';
import type { DetectionCycle } from '../incidents/detectionCycle.ts';
import type { Incident } from '../incidents/incidentTable.ts';
import type { IngestSnapshot } from '../ingest/ingestSnapshot.ts';
import { LATENCY_BOUNDS_SECONDS } from '../ingest/latencyHistogram.ts';
import type { ReceiverPool } from '../ingest/receiverPool.ts';
import type { Announcer, DryRunAnnouncer, RouteEvidence } from '../mitigation/announcer.ts';
import type { Ban } from '../mitigation/ban.ts';
import type { ManualBanRequest } from '../mitigation/banJudge.ts';
import type { Address } from '../net/address.ts';
import type { Notifier, NotifierStatus, TestOutcome } from '../notify/notifier.ts';
import type { AttackJson } from '../shapes/attackJson.ts';
import {
  type AttackQuery,
  HistoryError,
  type Page,
  type PastAttack,
  type PastIncident,
  type TrafficPoint,
  type TrafficQuery,
} from '../storage/history/historyStore.ts';
import { VERSION } from '../version.ts';
import type { EarlierAttacks } from './earlierAttacks.ts';
import type { HistoryFeed } from './historyFeed.ts';
import type { PauseSwitch } from './pauseSwitch.ts';

export interface Rooms {
  readonly config: () => Config;
  readonly clock: Clock;
  readonly cycle: DetectionCycle;
  readonly pool: ReceiverPool;
  readonly announcers: AnnouncerGroup;
  /** Of the real ones, as the bans see them. */
  readonly announcer: Announcer;
  readonly dryRunAnnouncer: DryRunAnnouncer;
  readonly pause: PauseSwitch;
  readonly notifier: Notifier;
  readonly history: HistoryFeed;
  readonly earlierAttacks: EarlierAttacks;
  readonly reload: () => Promise<ReloadOutcome>;
}

export class Facade implements DaemonFacade {
  readonly version = VERSION;
  readonly #rooms: Rooms;
  readonly #startedAt: number;
  #ready = false;

  constructor(rooms: Rooms) {
    this.#rooms = rooms;
    this.#startedAt = rooms.clock.now();
  }

  becomeReady(): void {
    this.#ready = true;
  }

  ready(): boolean {
    return this.#ready;
  }

  uptimeSeconds(): number {
    return (this.#rooms.clock.now() - this.#startedAt) / 1000;
  }

  config(): Config {
    return this.#rooms.config();
  }

  activeIncidents(): readonly Incident[] {
    return this.#rooms.cycle.incidents.active();
  }

  endedIncidents(): readonly Incident[] {
    return this.#rooms.cycle.incidents.ended();
  }

  earlierAttacks(): readonly AttackJson[] {
    return this.#rooms.earlierAttacks.list();
  }

  incident(attackId: string): Incident | undefined {
    return this.#rooms.cycle.incidents.of(attackId);
  }

  bans(): readonly Ban[] {
    return this.#rooms.cycle.controller.bans();
  }

  evidence(key: string, dryRun: boolean): RouteEvidence {
    return (dryRun ? this.#rooms.dryRunAnnouncer : this.#rooms.announcer).evidence(key);
  }

  topHosts(query: HostQuery): Promise<HostReport> {
    return this.#rooms.pool.topHosts(query);
  }

  ingest(): Promise<IngestSnapshot> {
    return this.#rooms.pool.snapshot();
  }

  gobgp(): readonly GobgpStatus[] {
    return this.#rooms.announcers.status();
  }

  peers(): readonly Peer[] {
    return this.#rooms.announcers.peers();
  }

  async metrics(): Promise<MetricsSnapshot> {
    const { cycle, pool, announcers, dryRunAnnouncer, notifier, history } = this.#rooms;
    return {
      ingest: await pool.snapshot(),
      latencyBoundsSeconds: LATENCY_BOUNDS_SECONDS,
      engine: cycle.detector.counters(),
      mitigation: {
        real: announcers.counts(),
        dryRun: dryRunAnnouncer.counts(),
        counters: cycle.controller.counters(),
      },
      notifications: notifier.counts(),
      storageRows: await history.counts(),
    };
  }

  async ban(request: ManualBanRequest): Promise<Ban> {
    return this.#rooms.cycle.controller.ban(request, this.#rooms.clock.now()).ban;
  }

  async unban(target: Address, operator: string): Promise<Ban | undefined> {
    return this.#rooms.cycle.controller.unban(target, this.#rooms.clock.now(), operator);
  }

  audit(query: AuditQuery): Promise<AuditPage> {
    return answered(this.#rooms.history.audit(query));
  }

  pastAttacks(query: AttackQuery): Promise<Page<PastAttack>> {
    return answered(this.#rooms.history.attacks(query));
  }

  pastAttack(id: string): Promise<PastIncident | undefined> {
    return answered(this.#rooms.history.attack(id));
  }

  pastTraffic(query: TrafficQuery): Promise<readonly TrafficPoint[]> {
    return answered(this.#rooms.history.traffic(query));
  }

  pauseState(): Pause | undefined {
    return this.#rooms.pause.state();
  }

  pause(operator: string): Pause {
    return this.#rooms.pause.pause(operator);
  }

  resume(operator: string): void {
    this.#rooms.pause.resume(operator);
  }

  notifications(): NotifierStatus {
    return this.#rooms.notifier.status();
  }

  testNotifications(): Promise<readonly TestOutcome[]> {
    return this.#rooms.notifier.test(this.#rooms.clock.now());
  }

  reload(): Promise<ReloadOutcome> {
    return this.#rooms.reload();
  }
}

/** Where history is not available, the answer says so; the rest of the API works. */
async function answered<Answer>(asked: Promise<Answer>): Promise<Answer> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof HistoryError) throw new ApiError('not_ready', `history is not available: ${error.message}`);
    throw error;
  }
}
