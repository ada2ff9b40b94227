/*
 * Family: SYN packets from forged sources against a limit on them, beside twice as many packets of open connections.
 */
import type { SeededRandom } from '../../../../src/flowgen/seededRandom.ts';
import { CACHES, EARLY_EXPORTERS, SMALL_CACHES, sflowModel } from '../exporterModels.ts';
import { ATTACK_LEVELS, type Family, membersOf, QUIET_LEVELS, type Scenario } from '../scenario.ts';
import type { ExporterSettings } from '../simulator/simulatedExporter.ts';
import { SYN_PACKETS, scattered, shortFlows, steady, TCP_DATA } from '../simulator/traffic.ts';
import { BEGIN_MS, limitFor } from './trafficParts.ts';

/** Packets of open connections, as a multiple of the limit on SYN packets: none of them may count. */
const CONNECTED_LEVEL = 2;

const EXPORTERS = [SMALL_CACHES[0], EARLY_EXPORTERS[1], CACHES[0], CACHES[4], EARLY_EXPORTERS[0], sflowModel(16)];

function build(level: number, exporter: ExporterSettings, random: SeededRandom): Scenario {
  const limit = limitFor(exporter);
  const untilMs = BEGIN_MS + (level > 1 ? 40_000 : 90_000);
  const connected = steady(0, untilMs, CONNECTED_LEVEL * limit);
  return {
    limits: { tcp_syn_pps: limit },
    hosts: 1,
    exporters: [exporter],
    sources: [
      shortFlows(TCP_DATA, connected, 100, 50, random),
      scattered(SYN_PACKETS, steady(BEGIN_MS, untilMs, level * limit)),
    ],
    trafficMs: untilMs,
  };
}

export const synFlood: Family = {
  name: 'syn',
  members: [...membersOf(ATTACK_LEVELS, EXPORTERS, 2, build), ...membersOf(QUIET_LEVELS, EXPORTERS, 3, build)],
};
