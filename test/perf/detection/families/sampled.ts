/*
 * Family: a flood of 120 s that is sampled 1:64 to 1:4096, with 3,900 to 61 samples in a window at the limit.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { sampledModels } from '../exporterModels.ts';
import { type Family, membersOf, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { steady, UDP_PACKETS } from '../simulator/traffic.ts';
import { BEGIN_MS, floodOverBase, rateAtLevel } from './trafficParts.ts';

/** At 1:4096 a window of 5 s holds 61 samples at the limit. */
const PPS = 50_000;
const RATES = [64, 256, 1024, 4096];

function build(level: number, exporter: ExporterSettings, random: SeededRandom): Scenario {
  const untilMs = BEGIN_MS + 120_000;
  const rate = steady(BEGIN_MS, untilMs, rateAtLevel(level, PPS));
  return {
    limits: { pps: PPS },
    hosts: 1,
    exporters: [exporter],
    sources: floodOverBase(UDP_PACKETS, rate, PPS, untilMs, random),
    trafficMs: untilMs,
  };
}

export const sampled: Family = {
  name: 'sampled',
  members: RATES.flatMap((rate) => [
    ...membersOf([1.2, 2, 4], sampledModels(rate), 2, build),
    ...membersOf([0.9], sampledModels(rate), 4, build),
  ]),
};
