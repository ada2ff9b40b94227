/*
 * Family: a flood that grows for 15 to 60 s, half of it forged sources, half one flow.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { CACHES, EARLY_EXPORTERS, SMALL_CACHES, sflowModel } from '../exporterModels.ts';
import { ATTACK_LEVELS, type Family, membersOf, QUIET_LEVELS, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { lastingFlow, newFlow, ramp, UDP_PACKETS } from '../simulator/traffic.ts';
import { BEGIN_MS, floodOverBase, limitFor, rateAtLevel } from './trafficParts.ts';

const SHORTEST_RAMP_MS = 15_000;
const LONGEST_RAMP_MS = 60_000;
const HOLD_MS = 30_000;

const EXPORTERS = [
  EARLY_EXPORTERS[1],
  CACHES[4],
  SMALL_CACHES[0],
  CACHES[1],
  EARLY_EXPORTERS[0],
  sflowModel(16),
  CACHES[3],
];

/** Half of the flood is one lasting flow. */
function build(level: number, exporter: ExporterSettings, random: SeededRandom): Scenario {
  const pps = limitFor(exporter);
  const rampMs = SHORTEST_RAMP_MS + 10 * random.below((LONGEST_RAMP_MS - SHORTEST_RAMP_MS) / 10);
  const untilMs = BEGIN_MS + rampMs + HOLD_MS;
  const half = ramp(BEGIN_MS, untilMs, rampMs, rateAtLevel(level, pps) / 2);
  return {
    limits: { pps },
    hosts: 1,
    exporters: [exporter],
    sources: [
      ...floodOverBase(UDP_PACKETS, half, pps, untilMs, random),
      lastingFlow(newFlow(UDP_PACKETS, random), half),
    ],
    trafficMs: untilMs,
  };
}

export const ramped: Family = {
  name: 'ramped',
  members: [...membersOf(ATTACK_LEVELS, EXPORTERS, 2, build), ...membersOf(QUIET_LEVELS, EXPORTERS, 3, build)],
};
