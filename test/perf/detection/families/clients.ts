/*
 * Family: forty lasting flows that began together, so that all their records come together.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { CACHES } from '../exporterModels.ts';
import { ATTACK_LEVELS, type Family, membersOf, QUIET_LEVELS, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { lastingFlow, newFlow, steady, TCP_DATA, UDP_PACKETS } from '../simulator/traffic.ts';
import { BEGIN_MS, baseLoad, limitFor, rateAtLevel } from './trafficParts.ts';

const CLIENTS = 40;

/** All clients begin within this time. */
const BEGIN_WITHIN_MS = 300;

const EXPORTERS = CACHES.filter(({ cache }) => (cache?.activeMs ?? 0) <= 120_000);

function build(level: number, exporter: ExporterSettings, random: SeededRandom): Scenario {
  const pps = limitFor(exporter);
  const activeMs = exporter.cache?.activeMs ?? 0;
  const untilMs = BEGIN_MS + Math.max(60_000, 2.3 * activeMs);
  const kind = level > 1 ? UDP_PACKETS : TCP_DATA;
  const clients = Array.from({ length: CLIENTS }, () => {
    const beginMs = BEGIN_MS + random.below(BEGIN_WITHIN_MS);
    return lastingFlow(newFlow(kind, random), steady(beginMs, untilMs, rateAtLevel(level, pps) / CLIENTS));
  });
  return {
    limits: { pps },
    hosts: 1,
    exporters: [exporter],
    sources: [baseLoad(pps, untilMs, random), ...clients],
    trafficMs: untilMs,
  };
}

export const clients: Family = {
  name: 'clients',
  members: [...membersOf(ATTACK_LEVELS, EXPORTERS, 2, build), ...membersOf(QUIET_LEVELS, EXPORTERS, 4, build)],
};
