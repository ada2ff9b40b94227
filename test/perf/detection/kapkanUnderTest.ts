/*
 * Kapkan's receiving side and detection cycle in one thread and in virtual time, driven as `replay` drives them, with the
 * attacks that it sees and a restart that keeps its store.
 */
import type { Config } from '../../../src/config/config.ts';
import type { AttackSample } from '../../../src/engine/attack.ts';
import { samplesOf } from '../../../src/engine/attackSample.ts';
import { type EnginePlan, planOf } from '../../../src/engine/enginePlan.ts';
import { DetectionCycle } from '../../../src/incidents/detectionCycle.ts';
import type { IncidentEvent } from '../../../src/incidents/incidentEvent.ts';
import type { TelemetryKind } from '../../../src/ingest/datagramBatch.ts';
import { Receiver } from '../../../src/ingest/receiver.ts';
import { receiverSettingsOf } from '../../../src/ingest/receiverSettings.ts';
import { DryRunAnnouncer } from '../../../src/mitigation/announcer.ts';
import type { Address } from '../../../src/net/address.ts';
import type { Metric } from '../../../src/trafficMetrics.ts';
import { MemoryStore } from '../../mitigation/memoryStore.ts';

/** As often as the daemon's receiving threads. */
export const TICK_MS = 100;

/** Any will do; nobody attacks the hash table. */
const HASH_SEED = 0;

/** An attack as Kapkan saw it. */
export interface SeenAttack {
  readonly id: string;
  readonly target: string;
  readonly startedAt: number;
  /** The rate that it was found with, as a multiple of the limit. */
  readonly level: number;
  /** Undefined while it goes on. */
  endedAt: number | undefined;
}

/** What Kapkan says of an attack in progress. */
export interface StatedRate {
  readonly target: string;
  readonly metric: Metric;
  readonly rate: number;
}

export class KapkanUnderTest {
  /** In the order in which they were found. */
  readonly attacks: SeenAttack[] = [];
  readonly #config: Config;
  readonly #plan: EnginePlan;
  readonly #store = new MemoryStore();
  #receiver: Receiver;
  #cycle: DetectionCycle;
  #ids = 0;

  constructor(config: Config, now: number) {
    this.#config = config;
    this.#plan = planOf(config, 1, HASH_SEED);
    this.#receiver = new Receiver(receiverSettingsOf(config, this.#plan), now);
    this.#cycle = this.#start(now);
  }

  receive(kind: TelemetryKind, payload: Uint8Array, sourceAddress: string, now: number): void {
    this.#receiver.receive(kind, payload, sourceAddress, now);
  }

  tick(now: number): void {
    const receiver = this.#receiver;
    const cycle = this.#cycle;
    const crossed = cycle.report(0, receiver.tick(now), now);
    if (crossed.length > 0) cycle.open(crossed, this.#samples(crossed, now), now);
    const due = cycle.dueForReview(now);
    if (due.length > 0) cycle.review(due, this.#samples(due, now), now);
    cycle.tick(now);
    receiver.watch(cycle.watched());
  }

  /** Everything but the store is lost. */
  restart(now: number): void {
    this.#receiver = new Receiver(receiverSettingsOf(this.#config, this.#plan), now);
    this.#cycle = this.#start(now);
    const resumed = new Set(this.#cycle.detector.active().map(({ id }) => id));
    for (const attack of this.attacks) if (!resumed.has(attack.id)) attack.endedAt ??= now;
  }

  /** What is said of the attacks in progress. */
  stated(): StatedRate[] {
    return this.#cycle.detector.active().map(({ targetText, metric, rate }) => ({ target: targetText, metric, rate }));
  }

  #samples(targets: readonly Address[], now: number): AttackSample[] {
    return samplesOf([this.#receiver.sample(targets, now)], targets, this.#plan.samples.flowsPerAttack);
  }

  #start(now: number): DetectionCycle {
    const cycle = new DetectionCycle({
      config: this.#config,
      plan: this.#plan,
      store: this.#store,
      announcer: new DryRunAnnouncer(),
      dryRunAnnouncer: new DryRunAnnouncer(),
      newId: () => `id-${++this.#ids}`,
      onEvent: (event) => this.#take(event),
      // The step that failed throws as well.
      onFailure: () => undefined,
    });
    cycle.restore(now);
    return cycle;
  }

  #take(event: IncidentEvent): void {
    if (event.kind === 'attack_started') {
      const { id, targetText, rate, threshold } = event.attack;
      const level = rate / threshold;
      this.attacks.push({ id, target: targetText, startedAt: event.at, level, endedAt: undefined });
    } else if (event.kind === 'attack_ended') {
      const ended = this.attacks.find(({ id }) => id === event.attack.id);
      if (ended !== undefined) ended.endedAt = event.at;
    }
  }
}
