/*
 * Reports as a receiving thread makes them, for tests of what follows: each host has these rates over the window that
 * ends now, and had no traffic before.
 */
import { seriesColumns } from '../../src/engine/enginePlan.ts';
import { type HostReport, HostReportWriter, IS_OVER_ITS_PART } from '../../src/engine/hostReport.ts';
import { LAST_PLACE, WINDOW_BUCKETS } from '../../src/engine/rateSeries.ts';
import { BUCKET_VALUES } from '../../src/engine/trafficCounters.ts';
import { HISTORY_VALUES } from '../../src/engine/trafficHistory.ts';
import { METRIC_COUNT, METRICS, RATE_PER_COUNT, type Rates } from '../../src/trafficMetrics.ts';
import { address } from '../fixtures/addressFixture.ts';
import { enginePlan } from './planFixture.ts';

const WINDOW_SECONDS = 5;
const ALL_COLUMNS = seriesColumns(enginePlan({ limits: Object.fromEntries(METRICS.map((metric) => [metric, 1])) }));

/** `now` is the end of a bucket's first part, so that the window has parts of five buckets. */
export function hostReport(ratesByHost: Readonly<Record<string, Rates>>, now = 0): HostReport {
  const writer = new HostReportWriter();
  writer.clear(ALL_COLUMNS);
  for (const [host, rates] of Object.entries(ratesByHost)) {
    const { word0, word1, word2, word3 } = address(host);
    const values = Float64Array.from(METRICS, (metric) => rates[metric] ?? 0);
    writer.append(word0, word1, word2, word3, 0, IS_OVER_ITS_PART, values, new Float64Array(2), seriesOf(values));
  }
  return writer.report(now, now);
}

/** All metrics at this rate. */
export function allRates(rate: number): Rates {
  return Object.fromEntries(METRICS.map((metric) => [metric, rate]));
}

function seriesOf(rates: Float64Array): Float64Array {
  const series = new Float64Array(HISTORY_VALUES);
  // The bucket in progress has just begun, so the window is the four before it.
  for (let place = LAST_PLACE - WINDOW_BUCKETS; place < LAST_PLACE; place++) {
    for (let metric = 0; metric < METRIC_COUNT; metric++) {
      const counted = (rates[metric] / RATE_PER_COUNT[metric]) * (WINDOW_SECONDS / WINDOW_BUCKETS);
      series[place * BUCKET_VALUES + metric] = counted;
    }
  }
  return series;
}
