/*
 * A protected host with its current rates, as the API shows it.
 */
import { z } from 'zod';
import type { HostReport } from '../engine/hostReport.ts';
import { addressOfWords, formatAddress } from '../net/address.ts';
import { ratesJson, ratesSchema, roundRate } from '../shapes/ratesJson.ts';
import { METRIC_COUNT, METRICS, offsetOf, type Rates, rateError } from '../trafficMetrics.ts';
import type { DaemonFacade } from './daemonFacade.ts';
import type { TenantFilter } from './tenantFilter.ts';

const PPS = offsetOf('pps');
const MBPS = offsetOf('mbps');

export const hostSchema = z
  .object({
    target: z.string(),
    group: z.string(),
    rates: ratesSchema,
    rate_error: z
      .object({ pps: z.number(), mbps: z.number() })
      .describe('half the width of the 95 % interval of the rates, from the number of samples; 0 without sampling'),
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
      rate_error: { pps: errorOf(report, row, PPS), mbps: errorOf(report, row, MBPS) },
      in_attack: attack !== undefined,
      metric: attack?.metric,
      direction: attack === undefined ? undefined : 'incoming',
    };
    return [json];
  });
}

function errorOf(report: HostReport, row: number, metric: number): number {
  const rates = report.rates.subarray(METRIC_COUNT * row, METRIC_COUNT * (row + 1));
  return roundRate(rateError(rates, report.variances.subarray(2 * row, 2 * row + 2), metric));
}

function ratesOfRow(report: HostReport, row: number): Rates {
  return Object.fromEntries(METRICS.map((metric, i) => [metric, report.rates[METRIC_COUNT * row + i]]));
}
