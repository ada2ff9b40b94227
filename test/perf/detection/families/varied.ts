/*
 * Family: ordinary traffic, whose flows last from half a second to five minutes, and a flood on top of it.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { CACHES, EARLY_EXPORTERS, SMALL_CACHES, sflowModel } from '../exporterModels.ts';
import { ATTACK_LEVELS, type Family, membersOf, QUIET_LEVELS, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { scattered, steady, TCP_DATA, UDP_PACKETS, variedFlows } from '../simulator/traffic.ts';
import { limitFor } from './trafficParts.ts';

const FLOWS = 200;
const ORDINARY_LEVEL = 0.6;

/** When caches and collector have seen the active timeout. */
const FLOOD_FROM_MS = 100_000;
const FLOOD_MS = 40_000;

const EXPORTERS = [
  CACHES[0],
  CACHES[1],
  EARLY_EXPORTERS[1],
  CACHES[2],
  sflowModel(16),
  CACHES[3],
  CACHES[5],
  SMALL_CACHES[0],
  CACHES[8],
];

function build(level: number, exporter: ExporterSettings, random: SeededRandom): Scenario {
  const pps = limitFor(exporter);
  const untilMs = FLOOD_FROM_MS + FLOOD_MS;
  const ordinary = level > 1 ? ORDINARY_LEVEL : level;
  const sources = [variedFlows(TCP_DATA, steady(0, untilMs, ordinary * pps), FLOWS, random)];
  if (level > 1) sources.push(scattered(UDP_PACKETS, steady(FLOOD_FROM_MS, untilMs, (level - ordinary) * pps)));
  return { limits: { pps }, hosts: 1, exporters: [exporter], sources, trafficMs: untilMs };
}

export const varied: Family = {
  name: 'varied',
  members: [...membersOf(ATTACK_LEVELS, EXPORTERS, 2, build), ...membersOf(QUIET_LEVELS, EXPORTERS, 4, build)],
};
