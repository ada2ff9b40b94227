/*
 * Family: a flood that is on for 16 s and off for less than the hysteresis, four times.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { CACHES, EARLY_EXPORTERS, sflowModel } from '../exporterModels.ts';
import { ATTACK_LEVELS, type Family, membersOf, QUIET_LEVELS, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { pulses, UDP_PACKETS } from '../simulator/traffic.ts';
import { BEGIN_MS, floodOverBase, limitFor, rateAtLevel } from './trafficParts.ts';

const ON_MS = 16_000;
const SHORTEST_OFF_MS = 4000;
const LONGEST_OFF_MS = 14_000;
const PULSES = 4;

const EXPORTERS = [EARLY_EXPORTERS[1], CACHES[4], CACHES[7], CACHES[0], EARLY_EXPORTERS[0], sflowModel(16)];

/** The time off is shorter than the hysteresis. */
function build(level: number, exporter: ExporterSettings, random: SeededRandom): Scenario {
  const pps = limitFor(exporter);
  const offMs = SHORTEST_OFF_MS + 10 * random.below((LONGEST_OFF_MS - SHORTEST_OFF_MS) / 10);
  const untilMs = BEGIN_MS + PULSES * (ON_MS + offMs);
  const rate = pulses(BEGIN_MS, untilMs, ON_MS, offMs, rateAtLevel(level, pps));
  return {
    limits: { pps },
    hosts: 1,
    exporters: [exporter],
    sources: floodOverBase(UDP_PACKETS, rate, pps, untilMs, random),
    trafficMs: untilMs,
  };
}

export const pulsed: Family = {
  name: 'pulsed',
  members: [...membersOf(ATTACK_LEVELS, EXPORTERS, 2, build), ...membersOf(QUIET_LEVELS, EXPORTERS, 3, build)],
};
