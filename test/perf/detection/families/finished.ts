/*
 * Family: one flow that is over before the active timeout, so that its only record comes at its end: TCP that is closed,
 * or UDP, which ends in silence.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { CACHES } from '../exporterModels.ts';
import { ATTACK_LEVELS, type Family, membersOf, QUIET_LEVELS, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { steady, TCP_DATA, UDP_PACKETS } from '../simulator/traffic.ts';
import { BEGIN_MS, flowOverBase, limitFor, rateAtLevel } from './trafficParts.ts';

const LONGEST_WINDOW_MS = 10_000;

/** Those whose first record of the flow comes when it is over. */
const EXPORTERS = CACHES.filter(({ cache }) => (cache?.activeMs ?? 0) >= 60_000);

function build(level: number, exporter: ExporterSettings, random: SeededRandom): Scenario {
  const pps = limitFor(exporter);
  const activeMs = exporter.cache?.activeMs ?? 0;
  const lastsMs = LONGEST_WINDOW_MS + 1000 * random.below((0.8 * activeMs - LONGEST_WINDOW_MS) / 1000);
  const untilMs = BEGIN_MS + lastsMs;
  const isClosed = random.below(2) === 0;
  const kind = isClosed ? TCP_DATA : UDP_PACKETS;
  const closesAtMs = isClosed ? untilMs : undefined;
  const rate = steady(BEGIN_MS, untilMs, rateAtLevel(level, pps));
  return {
    limits: { pps },
    hosts: 1,
    exporters: [exporter],
    sources: flowOverBase(kind, rate, pps, untilMs + 20_000, random, closesAtMs),
    trafficMs: untilMs + 20_000,
  };
}

export const finished: Family = {
  name: 'finished',
  members: [...membersOf(ATTACK_LEVELS, EXPORTERS, 2, build), ...membersOf(QUIET_LEVELS, EXPORTERS, 4, build)],
};
