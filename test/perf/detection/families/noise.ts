/*
 * Family: five hosts for ten minutes at 0.9 times the limit, sampled 1:4096: how often chance makes an attack.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { cacheModel, sflowModel } from '../exporterModels.ts';
import { type Family, membersOf, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { scattered, steady, UDP_PACKETS } from '../simulator/traffic.ts';

const HOSTS = 5;
const PPS = 50_000;
const TEN_MINUTES_MS = 600_000;

const EXPORTERS = [
  sflowModel(4096),
  cacheModel('v9-10-1:4096', 'netflow9', { sampling: 4096, cache: { activeMs: 10_000, inactiveMs: 5000 } }),
];

function build(level: number, exporter: ExporterSettings, _random: SeededRandom): Scenario {
  const rate = steady(0, TEN_MINUTES_MS, level * PPS);
  return {
    limits: { pps: PPS },
    hosts: HOSTS,
    exporters: [exporter],
    sources: Array.from({ length: HOSTS }, (_, host) => scattered({ ...UDP_PACKETS, host }, rate)),
    trafficMs: TEN_MINUTES_MS,
  };
}

export const noise: Family = {
  name: 'noise',
  members: membersOf([0.9], EXPORTERS, 2, build),
};
