/*
 * Family: one flow that outlasts the active timeout: a flood, or a download below the limit.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { CACHES, EARLY_EXPORTERS } from '../exporterModels.ts';
import { ATTACK_LEVELS, type Family, membersOf, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { steady, TCP_DATA, UDP_PACKETS } from '../simulator/traffic.ts';
import { BEGIN_MS, flowOverBase, limitFor, rateAtLevel } from './trafficParts.ts';

const EXPORTERS = [...CACHES.slice(0, 6), ...EARLY_EXPORTERS, ...CACHES.slice(6)];
const SHORTEST_MS = 60_000;

/** Lasts for a little more than two active timeouts. */
function build(level: number, exporter: ExporterSettings, random: SeededRandom): Scenario {
  const pps = limitFor(exporter);
  const activeMs = exporter.cache?.activeMs ?? 0;
  const untilMs = BEGIN_MS + Math.max(SHORTEST_MS, 2 * activeMs + 1000 * random.below(Math.ceil(activeMs / 2000)));
  const kind = level > 1 ? UDP_PACKETS : TCP_DATA;
  const rate = steady(BEGIN_MS, untilMs, rateAtLevel(level, pps));
  return {
    limits: { pps },
    hosts: 1,
    exporters: [exporter],
    sources: flowOverBase(kind, rate, pps, untilMs, random),
    trafficMs: untilMs,
  };
}

export const elephant: Family = {
  name: 'elephant',
  members: [...membersOf(ATTACK_LEVELS, EXPORTERS, 3, build), ...membersOf([0.6, 0.8, 0.9], EXPORTERS, 5, build)],
};
