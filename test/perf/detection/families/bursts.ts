/*
 * Family: bursts of 0.2 to 2.2 s far over the limit, with a mean over the window that is below it or above.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { CACHES, EARLY_EXPORTERS, sflowModel } from '../exporterModels.ts';
import { ATTACK_LEVELS, type Family, membersOf, QUIET_LEVELS, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { lastingFlow, newFlow, pulses, type Source, scattered, UDP_PACKETS } from '../simulator/traffic.ts';
import { BEGIN_MS, limitFor } from './trafficParts.ts';

const WINDOW_MS = 5000;

/** Quiet: one burst in more than a window. Attack: five in each window. */
const QUIET_PERIOD_MS = 9000;
const ATTACK_PERIOD_MS = 1000;

const EXPORTERS = [EARLY_EXPORTERS[1], CACHES[4], CACHES[0], CACHES[1], EARLY_EXPORTERS[0], sflowModel(16)];

/** The level is that of the window with most packets; a burst is far over the limit. */
function build(level: number, exporter: ExporterSettings, random: SeededRandom): Scenario {
  const pps = limitFor(exporter);
  const isAttack = level > 1;
  const onMs = isAttack ? 200 : 200 + 10 * random.below(200);
  const periodMs = isAttack ? ATTACK_PERIOD_MS : QUIET_PERIOD_MS;
  const untilMs = BEGIN_MS + (isAttack ? 40_000 : 10 * QUIET_PERIOD_MS);
  const burstPackets = level * pps * (Math.min(periodMs, WINDOW_MS) / 1000);
  const rate = pulses(BEGIN_MS, untilMs, onMs, periodMs - onMs, burstPackets / (onMs / 1000));
  const isOneFlow = random.below(2) === 0;
  const source: Source = isOneFlow ? lastingFlow(newFlow(UDP_PACKETS, random), rate) : scattered(UDP_PACKETS, rate);
  return { limits: { pps }, hosts: 1, exporters: [exporter], sources: [source], trafficMs: untilMs };
}

export const bursts: Family = {
  name: 'bursts',
  members: [...membersOf(ATTACK_LEVELS, EXPORTERS, 2, build), ...membersOf(QUIET_LEVELS, EXPORTERS, 4, build)],
};
