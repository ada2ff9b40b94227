/*
 * A detection cycle over 10.0.0.0/8 with limits that a flood of 10^9 in every rate crosses, a store in memory and a
 * recording announcer.
 */
import type { Config } from '../../src/config/config.ts';
import { DetectionCycle, type DetectionCycleOptions } from '../../src/incidents/detectionCycle.ts';
import type { IncidentEvent } from '../../src/incidents/incidentEvent.ts';
import { DryRunAnnouncer } from '../../src/mitigation/announcer.ts';
import { enginePlan } from '../engine/planFixture.ts';
import { type ConfigOverrides, configFixture } from '../fixtures/configFixture.ts';
import { MemoryStore } from '../mitigation/memoryStore.ts';

export function cycleFixture(overrides: Partial<DetectionCycleOptions> = {}, config: ConfigOverrides = {}) {
  const events: IncidentEvent[] = [];
  const failures: Error[] = [];
  const store = new MemoryStore();
  const announcer = new DryRunAnnouncer();
  const inForce: Config = configFixture({ networks: ['10.0.0.0/8'], dryRun: false, ...config });
  let ids = 0;
  const cycle = new DetectionCycle({
    config: inForce,
    plan: enginePlan(),
    store,
    announcer,
    dryRunAnnouncer: new DryRunAnnouncer(),
    newId: () => `id-${++ids}`,
    onEvent: (event) => events.push(event),
    onFailure: (error) => failures.push(error),
    ...overrides,
  });
  return { cycle, events, failures, store, announcer, config: inForce };
}
