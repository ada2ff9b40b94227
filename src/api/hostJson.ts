/*
 * A protected host with its current rates, as the API shows it.
 */
import { z } from 'zod';
import type { HostReport } from '../engine/hostReport.ts';
import { addressOfWords, formatAddress } from '../net/address.ts';
import { ratesJson, ratesSchema } from '../shapes/ratesJson.ts';
import { METRIC_COUNT, METRICS, type Rates } from '../trafficMetrics.ts';
import type { DaemonFacade } from './daemonFacade.ts';
import type { TenantFilter } from './tenantFilter.ts';

export const hostSchema = z
  .object({
    target: z.string(),
    group: z.string(),
    rates: ratesSchema,
    in_attack: z.boolean(),
    metric: z.enum(METRICS).optional().describe('the limit crossed, while in attack'),
    direction: z.enum(['incoming', 'outgoing']).optional().describe('of the attack'),
  })
  .meta({ id: 'Host' });

export type HostJson = z.infer<typeof hostSchema>;

/** The report's hosts that the principal may see, in its order. */
export function hostsJson(report: HostReport, daemon: DaemonFacade, filter: TenantFilter): HostJson[] {
  const attacks = new Map(daemon.activeIncidents().map(({ attack }) => [attack.targetText, attack]));
  return Array.from({ length: report.count }, (_, row) => row).flatMap((row): HostJson[] => {
    const [word0, word1, word2, word3] = report.addresses.subarray(4 * row, 4 * row + 4);
    const address = addressOfWords(word0, word1, word2, word3);
    // Rates may have been measured under the configuration before a reload, so the report's group numbers say nothing.
    if (!filter.seesTarget(address)) return [];
    const target = formatAddress(address);
    const attack = attacks.get(target);
    const json: HostJson = {
      target,
      group: filter.ownerOf(address),
      rates: ratesJson(ratesOfRow(report, row)),
      in_attack: attack !== undefined,
      metric: attack?.metric,
      direction: attack === undefined ? undefined : 'incoming',
    };
    return [json];
  });
}

function ratesOfRow(report: HostReport, row: number): Rates {
  return Object.fromEntries(METRICS.map((metric, i) => [metric, report.rates[METRIC_COUNT * row + i]]));
}
