/*
 * Family: ordinary traffic, whose flows last from half a second to five minutes, sampled before the flow cache, so that
 * the rate of each flow is known from a few packets; and more of it than the limit allows.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { sampledModels } from '../exporterModels.ts';
import { type Family, membersOf, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { steady, TCP_DATA, variedFlows } from '../simulator/traffic.ts';
import { BASE_LEVEL } from './trafficParts.ts';

const FLOWS = 100;
const PPS = 8000;

/** A window of 5 s holds 2,500 to 78 samples at the limit. */
const RATES = [16, 64, 512];

const ATTACK_FROM_MS = 90_000;
const UNTIL_MS = 180_000;

/** An attack is ordinary traffic at the base level, and then so much more of it. */
function build(level: number, exporter: ExporterSettings, random: SeededRandom): Scenario {
  const isAttack = level > 1;
  const sources = [variedFlows(TCP_DATA, steady(0, UNTIL_MS, (isAttack ? BASE_LEVEL : level) * PPS), FLOWS, random)];
  if (isAttack) {
    const rate = steady(ATTACK_FROM_MS, UNTIL_MS, (level - BASE_LEVEL) * PPS);
    sources.push(variedFlows(TCP_DATA, rate, FLOWS, random));
  }
  return { limits: { pps: PPS }, hosts: 1, exporters: [exporter], sources, trafficMs: UNTIL_MS };
}

export const sampledFlows: Family = {
  name: 'sampledFlows',
  members: RATES.flatMap((rate) => [
    ...membersOf([1.2, 2], sampledModels(rate), 2, build),
    ...membersOf([0.8, 0.9], sampledModels(rate).slice(1), 3, build),
  ]),
};
