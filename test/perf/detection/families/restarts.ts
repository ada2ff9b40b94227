/*
 * Family: Kapkan is stopped and started again amid a lasting flow, and keeps only its store.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { CACHES, EARLY_EXPORTERS } from '../exporterModels.ts';
import { ATTACK_LEVELS, type Family, membersOf, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { lastingFlow, newFlow, steady, TCP_DATA, UDP_PACKETS } from '../simulator/traffic.ts';
import { BEGIN_MS, floodOverBase, limitFor, rateAtLevel } from './trafficParts.ts';

const EXPORTERS = [CACHES[0], CACHES[3], CACHES[5], CACHES[1], EARLY_EXPORTERS[0], CACHES[10], CACHES[4], CACHES[2]];

/** Kapkan starts again while flows are open of which it knows nothing then. */
function build(level: number, exporter: ExporterSettings, random: SeededRandom): Scenario {
  const pps = limitFor(exporter);
  const activeMs = exporter.cache?.activeMs ?? 0;
  const untilMs = BEGIN_MS + Math.max(80_000, 3.3 * activeMs);
  const kind = level > 1 ? UDP_PACKETS : TCP_DATA;
  const rate = rateAtLevel(level, pps);
  return {
    limits: { pps },
    hosts: 1,
    exporters: [exporter],
    sources: [
      ...floodOverBase(kind, steady(BEGIN_MS, untilMs, 0.2 * rate), pps, untilMs, random),
      lastingFlow(newFlow(kind, random), steady(BEGIN_MS, untilMs, 0.8 * rate)),
    ],
    trafficMs: untilMs,
    restartAtMs: BEGIN_MS + 1000 * Math.round((0.3 + random.below(50) / 100) * ((untilMs - BEGIN_MS) / 1000)),
  };
}

export const restarts: Family = {
  name: 'restarts',
  members: [...membersOf(ATTACK_LEVELS, EXPORTERS, 2, build), ...membersOf([0.6, 0.8, 0.9], EXPORTERS, 4, build)],
};
