/*
 * Family: UDP packets from forged sources, each a flow of its own.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { CACHES, EARLY_EXPORTERS, SMALL_CACHES, sflowModel } from '../exporterModels.ts';
import { ATTACK_LEVELS, type Family, membersOf, QUIET_LEVELS, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { steady, UDP_PACKETS } from '../simulator/traffic.ts';
import { BEGIN_MS, floodOverBase, limitFor, rateAtLevel } from './trafficParts.ts';

const EXPORTERS = [
  EARLY_EXPORTERS[1],
  CACHES[0],
  sflowModel(16),
  SMALL_CACHES[0],
  CACHES[4],
  EARLY_EXPORTERS[2],
  EARLY_EXPORTERS[0],
  sflowModel(1),
  CACHES[2],
  CACHES[1],
  SMALL_CACHES[1],
];

function build(level: number, exporter: ExporterSettings, random: SeededRandom): Scenario {
  const pps = limitFor(exporter);
  const untilMs = BEGIN_MS + (level > 1 ? 40_000 : 90_000);
  const rate = steady(BEGIN_MS, untilMs, rateAtLevel(level, pps));
  return {
    limits: { pps },
    hosts: 1,
    exporters: [exporter],
    sources: floodOverBase(UDP_PACKETS, rate, pps, untilMs, random),
    trafficMs: untilMs,
  };
}

export const flood: Family = {
  name: 'flood',
  members: [...membersOf(ATTACK_LEVELS, EXPORTERS, 3, build), ...membersOf(QUIET_LEVELS, EXPORTERS, 4, build)],
};
