/*
 * Rates in JSON: the three totals always, those of a protocol only where it has traffic.
 */
import { z } from 'zod';
import { byMetric, KIND_METRICS, METRICS, type Rates, TOTAL_METRICS } from '../trafficMetrics.ts';

const rate = z.number().min(0);

/** The totals alone, which history keeps. */
export const totalRatesSchema = z
  .object(byMetric(TOTAL_METRICS, () => rate))
  .meta({ id: 'TotalRates', description: 'Packets, megabits (10^6) and flow records a second.' });

export const ratesSchema = z
  .object({
    ...byMetric(TOTAL_METRICS, () => rate),
    ...byMetric(KIND_METRICS, () => rate.optional()),
  })
  .meta({
    id: 'Rates',
    description: 'Packets, megabits (10^6) and flow records a second; protocols only where not zero.',
  });

export type RatesJson = z.infer<typeof ratesSchema>;

export function ratesJson(rates: Rates): RatesJson {
  const json: RatesJson = { pps: 0, mbps: 0, flows_per_sec: 0 };
  for (const metric of METRICS) {
    const value = roundRate(rates[metric] ?? 0);
    if (value > 0) json[metric] = value;
  }
  return json;
}

/** To a thousandth: sampled rates are less exact than that, and fifteen digits are hard to read. */
export function roundRate(value: number): number {
  return Math.round(value * 1000) / 1000;
}
