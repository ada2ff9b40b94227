/*
 * Family: limits on packets and on megabits, of which large or small packets reach only one.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { CACHES, EARLY_EXPORTERS, SMALL_CACHES, sflowModel } from '../exporterModels.ts';
import { ATTACK_LEVELS, type Family, membersOf, QUIET_LEVELS, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { scattered, steady, UDP_PACKETS } from '../simulator/traffic.ts';
import { BEGIN_MS, limitFor } from './trafficParts.ts';

const LARGE_BYTES = 1250;
const SMALL_BYTES = 100;

/** At both limits a packet has so many bytes. */
const BYTES_AT_LIMITS = 500;

const EXPORTERS = [EARLY_EXPORTERS[2], CACHES[0], SMALL_CACHES[1], CACHES[4], sflowModel(16), EARLY_EXPORTERS[0]];

/** Large packets cross the limit on megabits alone, small ones that on packets; a quiet host has the level in each. */
function build(level: number, exporter: ExporterSettings, random: SeededRandom): Scenario {
  const pps = 2 * limitFor(exporter);
  const mbps = (pps * BYTES_AT_LIMITS * 8) / 1e6;
  const untilMs = BEGIN_MS + (level > 1 ? 40_000 : 90_000);
  const packetBytes = random.below(2) === 0 ? LARGE_BYTES : SMALL_BYTES;
  const packetsPerSecond = level * (packetBytes === LARGE_BYTES ? (pps * BYTES_AT_LIMITS) / LARGE_BYTES : pps);
  const rate = steady(BEGIN_MS, untilMs, packetsPerSecond);
  return {
    limits: { pps, mbps },
    hosts: 1,
    exporters: [exporter],
    sources: [scattered({ ...UDP_PACKETS, packetBytes }, rate)],
    trafficMs: untilMs,
  };
}

export const megabits: Family = {
  name: 'megabits',
  members: [...membersOf(ATTACK_LEVELS, EXPORTERS, 2, build), ...membersOf(QUIET_LEVELS, EXPORTERS, 3, build)],
};
