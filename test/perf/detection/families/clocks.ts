/*
 * Family: clocks that are hours wrong, drift, are two in one exporter, or wrap.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { cacheModel, EARLY } from '../exporterModels.ts';
import { ATTACK_LEVELS, type Family, membersOf, QUIET_LEVELS, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { lastingFlow, newFlow, steady, TCP_DATA, UDP_PACKETS } from '../simulator/traffic.ts';
import { BEGIN_MS, floodOverBase, limitFor, rateAtLevel } from './trafficParts.ts';

const HOUR_MS = 3_600_000;

/** An uptime that wraps a minute after the first export. */
const WRAPS_SOON_MS = 2 ** 32 - 60_000;

const EXPORTERS = [
  cacheModel('v9-60-wraps', 'netflow9', { clock: { uptimeMs: WRAPS_SOON_MS } }),
  cacheModel('ipfix-60-behind', 'ipfix', { clock: { offsetMs: -5 * HOUR_MS } }),
  cacheModel('v5-early-wraps', 'netflow5', { cache: EARLY, batchMs: 200, clock: { uptimeMs: WRAPS_SOON_MS } }),
  cacheModel('ipfix-60-drifts', 'ipfix', { clock: { offsetMs: 700, driftPpm: 5000 } }),
  cacheModel('ipfix-60-two-clocks', 'ipfix', { clock: { recordSkewMs: 2 * HOUR_MS } }),
  cacheModel('v9-60-ahead', 'netflow9', { clock: { offsetMs: 9 * HOUR_MS } }),
  cacheModel('ipfix-early-two-clocks', 'ipfix', { cache: EARLY, batchMs: 200, clock: { recordSkewMs: -2 * HOUR_MS } }),
];

/** Half of the traffic has forged sources, half is one lasting flow. */
function build(level: number, exporter: ExporterSettings, random: SeededRandom): Scenario {
  const pps = limitFor(exporter);
  const untilMs = BEGIN_MS + Math.max(80_000, 2.2 * (exporter.cache?.activeMs ?? 0));
  const kind = level > 1 ? UDP_PACKETS : TCP_DATA;
  const half = steady(BEGIN_MS, untilMs, rateAtLevel(level, pps) / 2);
  return {
    limits: { pps },
    hosts: 1,
    exporters: [exporter],
    sources: [...floodOverBase(kind, half, pps, untilMs, random), lastingFlow(newFlow(kind, random), half)],
    trafficMs: untilMs,
  };
}

export const clocks: Family = {
  name: 'clocks',
  members: [...membersOf(ATTACK_LEVELS, EXPORTERS, 2, build), ...membersOf(QUIET_LEVELS, EXPORTERS, 4, build)],
};
