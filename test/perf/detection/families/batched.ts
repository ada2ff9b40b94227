/*
 * Family: exporters that hold all records for 5 to 20 s and send them at once.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { cacheModel, EARLY } from '../exporterModels.ts';
import { ATTACK_LEVELS, type Family, membersOf, QUIET_LEVELS, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { lastingFlow, newFlow, steady, UDP_PACKETS } from '../simulator/traffic.ts';
import { BEGIN_MS, floodOverBase, limitFor, rateAtLevel } from './trafficParts.ts';

/** Longer than any batch is held. */
const HYSTERESIS_SECONDS = 30;

const held = (batchMs: number) => ({ batchMs, holdsBatches: true });

/** Collectors' agents and virtual switches that export only every few seconds, whatever is waiting. */
const EXPORTERS = [
  cacheModel('v9-1-batch5', 'netflow9', { cache: EARLY, ...held(5000) }),
  cacheModel('ipfix-60-batch10', 'ipfix', held(10_000)),
  cacheModel('v5-60-batch5', 'netflow5', held(5000)),
  cacheModel('v9-10-batch20', 'netflow9', { cache: { activeMs: 10_000, inactiveMs: 5000 }, ...held(20_000) }),
  cacheModel('ipfix-60-batch5-start', 'ipfix', { format: { times: 'start' }, ...held(5000) }),
];

/** Half of the traffic has forged sources, half is one lasting flow. */
function build(level: number, exporter: ExporterSettings, random: SeededRandom): Scenario {
  const pps = limitFor(exporter);
  const untilMs = BEGIN_MS + Math.max(60_000, 2.2 * (exporter.cache?.activeMs ?? 0));
  const half = steady(BEGIN_MS, untilMs, rateAtLevel(level, pps) / 2);
  return {
    limits: { pps },
    hosts: 1,
    exporters: [exporter],
    sources: [
      ...floodOverBase(UDP_PACKETS, half, pps, untilMs, random),
      lastingFlow(newFlow(UDP_PACKETS, random), half),
    ],
    trafficMs: untilMs,
    hysteresisSeconds: HYSTERESIS_SECONDS,
  };
}

export const batched: Family = {
  name: 'batched',
  members: [...membersOf(ATTACK_LEVELS, EXPORTERS, 2, build), ...membersOf(QUIET_LEVELS, EXPORTERS, 3, build)],
};
