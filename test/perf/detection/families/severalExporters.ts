/*
 * Family: two or three exporters of different kinds that see a part of the traffic each.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { CACHES, cacheModel, EARLY_EXPORTERS, sflowModel } from '../exporterModels.ts';
import { ATTACK_LEVELS, type Family, LEVEL_MARGIN, type Member, QUIET_LEVELS, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { lastingFlow, newFlow, type Source, scattered, steady, TCP_DATA, UDP_PACKETS } from '../simulator/traffic.ts';
import { BEGIN_MS } from './trafficParts.ts';

const PPS = 2000;
const HOUR_MS = 3_600_000;

/** Exporters that see a part of the traffic each. */
const SETS: readonly (readonly ExporterSettings[])[] = [
  [EARLY_EXPORTERS[0], EARLY_EXPORTERS[1]],
  [CACHES[0], CACHES[1], CACHES[2]],
  [EARLY_EXPORTERS[2], sflowModel(1), CACHES[4]],
  [CACHES[3], CACHES[5], cacheModel('v9-60-ahead', 'netflow9', { clock: { offsetMs: 3 * HOUR_MS } })],
];

/** Half of the traffic has forged sources, half is one lasting flow at each exporter. */
function build(level: number, exporters: readonly ExporterSettings[], random: SeededRandom): Scenario {
  const longestMs = Math.max(...exporters.map(({ cache }) => cache?.activeMs ?? 0));
  const untilMs = BEGIN_MS + Math.max(40_000, 2.2 * longestMs);
  const kind = level > 1 ? UDP_PACKETS : TCP_DATA;
  const rate = steady(BEGIN_MS, untilMs, (level * PPS) / exporters.length / 2);
  return {
    limits: { pps: PPS },
    hosts: 1,
    exporters,
    sources: exporters.flatMap((_, exporter): Source[] => [
      scattered({ ...kind, exporter }, rate),
      lastingFlow(newFlow({ ...kind, exporter }, random), rate),
    ]),
    trafficMs: untilMs,
  };
}

function members(levels: readonly number[]): Member[] {
  return levels.flatMap((level, row) =>
    [SETS[row % SETS.length], SETS[(row + 1) % SETS.length]].map((exporters) => ({
      name: `${level}x ${exporters.map(({ name }) => name).join('+')}`,
      level,
      build: (random) => build(level > 1 ? level * LEVEL_MARGIN : level, exporters, random),
    })),
  );
}

export const severalExporters: Family = {
  name: 'exporters',
  members: [...members(ATTACK_LEVELS), ...members([...QUIET_LEVELS, 0.7])],
};
