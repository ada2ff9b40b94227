/*
 * Family: windows of other lengths than the default, with a flood, half of it one flow.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { CACHES, EARLY_EXPORTERS, sflowModel } from '../exporterModels.ts';
import { type Family, type Member, membersOf, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { lastingFlow, newFlow, steady, UDP_PACKETS } from '../simulator/traffic.ts';
import { BEGIN_MS, floodOverBase, limitFor, rateAtLevel } from './trafficParts.ts';

const WINDOW_SECONDS = [1, 2, 15, 40];
const EXPORTERS = [EARLY_EXPORTERS[0], CACHES[4], sflowModel(16), CACHES[1]];

function build(windowSeconds: number, level: number, exporter: ExporterSettings, random: SeededRandom): Scenario {
  const pps = limitFor(exporter);
  const untilMs = BEGIN_MS + Math.max(80_000, 2.2 * (exporter.cache?.activeMs ?? 0));
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
    windowSeconds,
  };
}

function membersWith(windowSeconds: number): Member[] {
  const members = membersOf([1.2, 0.9], EXPORTERS, 3, (...args) => build(windowSeconds, ...args));
  return members.map((member) => ({ ...member, name: `${member.name} window${windowSeconds}` }));
}

export const windows: Family = { name: 'windows', members: WINDOW_SECONDS.flatMap(membersWith) };
