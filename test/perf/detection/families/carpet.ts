/*
 * Family: six neighbours with the same flood each.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { CACHES, EARLY_EXPORTERS, sflowModel } from '../exporterModels.ts';
import { type Family, membersOf, QUIET_LEVELS, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { steady, UDP_PACKETS } from '../simulator/traffic.ts';
import { BEGIN_MS, floodOverBase, rateAtLevel } from './trafficParts.ts';

const HOSTS = 6;

const EXPORTERS = [EARLY_EXPORTERS[1], CACHES[4], sflowModel(8)];

/** The same flood to neighbours, of which each is judged alone. */
function build(level: number, exporter: ExporterSettings, random: SeededRandom): Scenario {
  const pps = exporter.sampling === 1 ? 400 : 4000;
  const untilMs = BEGIN_MS + 40_000;
  const rate = steady(BEGIN_MS, untilMs, rateAtLevel(level, pps));
  return {
    limits: { pps },
    hosts: HOSTS,
    exporters: [exporter],
    sources: Array.from({ length: HOSTS }, (_, host) =>
      floodOverBase({ ...UDP_PACKETS, host }, rate, pps, untilMs, random),
    ).flat(),
    trafficMs: untilMs,
  };
}

export const carpet: Family = {
  name: 'carpet',
  members: [...membersOf([1.2, 2, 4], EXPORTERS, 1, build), ...membersOf(QUIET_LEVELS, EXPORTERS, 1, build)],
};
