/*
 * Samples the traffic of hosts and groups for the history. A sample holds the rates over the sliding window. With one
 * sample for each window length, every moment is covered once. A sample costs a receiving thread one pass over its host
 * table; counting in the hot path would cost time for every flow.
 *
 * Intervals begin at multiples of their length, so that the intervals of all runs and instances line up.
 */
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { ReceiverPool } from '../ingest/receiverPool.ts';
import type { TrafficSample } from '../storage/history/trafficIntervals.ts';
import { METRIC_COUNT } from '../trafficMetrics.ts';

/** At most this many hosts get a row for an interval: those with the most packets. */
const MAX_HOSTS = 10_000;

/** A thread spends at most 1/20 of its time on samples. With millions of hosts, samples become fewer. */
const THREAD_SHARE = 20;

export interface TrafficSamplerOptions {
  readonly config: () => Config;
  readonly intervalSeconds: number;
  readonly clock: Clock;
  readonly pool: Pick<ReceiverPool, 'traffic'>;
  readonly onSample: (sample: TrafficSample) => void;
}

/** When a sample is due, and which interval it belongs to. */
export interface SampleTime {
  readonly at: number;
  readonly intervalStart: number;
  /** It is the last sample of its interval. */
  readonly isLast: boolean;
}

/** The first sample after `now`. An interval has as many samples, evenly spread, as windows are needed to cover it. */
export function nextSample(now: number, intervalSeconds: number, windowSeconds: number): SampleTime {
  const samples = Math.ceil(intervalSeconds / windowSeconds);
  const intervalMs = intervalSeconds * 1000;
  let number = Math.floor((now * samples) / intervalMs) + 1;
  // If the period is no whole number of milliseconds, the time of a sample may be rounded to just before it.
  if ((number * intervalMs) / samples <= now) number++;
  const intervalStart = (Math.ceil(number / samples) - 1) * intervalMs;
  return { at: (number * intervalMs) / samples, intervalStart, isLast: number % samples === 0 };
}

export class TrafficSampler {
  readonly #options: TrafficSamplerOptions;
  #timer: NodeJS.Timeout | undefined;
  #notBefore = 0;

  constructor(options: TrafficSamplerOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, config, intervalSeconds } = this.#options;
    const now = clock.now();
    const next = nextSample(Math.max(now, this.#notBefore), intervalSeconds, config().detection.windowSeconds);
    this.#timer = setTimeout(() => void this.#sample(next), next.at - now);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #sample({ intervalStart, isLast }: SampleTime): Promise<void> {
    const { clock, config, intervalSeconds, pool, onSample } = this.#options;
    const { groups } = config();
    const report = await pool.traffic(MAX_HOSTS);
    if (this.#timer === undefined) return;
    // After a reload, the group numbers of the report may mean other groups.
    if (report !== undefined && config().groups === groups) {
      this.#notBefore = clock.now() + THREAD_SHARE * report.busyMs;
      onSample({
        time: intervalStart,
        intervalSeconds,
        isLast,
        groups: groups.map(({ name, tenant = '' }) => ({ name, tenant })),
        groupRates: report.groupRates,
        hosts: { ...report.hosts, ratesPerHost: METRIC_COUNT },
      });
    }
    this.start();
  }
}
