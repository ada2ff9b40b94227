/*
 * `GET /metrics`: reads the daemon's counters at the moment of the scrape and writes them in the Prometheus text format.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { DaemonFacade } from './daemonFacade.ts';
import { LatencyMetric } from './latencyMetric.ts';
import { CONTRACT_FAMILIES, FURTHER_FAMILIES, type MetricFamily } from './metricFamilies.ts';

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** Gauges of prom-client that are named like counters. The same numbers exist by type, under proper names. */
const MISNAMED = [
  'kapkan_nodejs_active_handles_total',
  'kapkan_nodejs_active_requests_total',
  'kapkan_nodejs_active_resources_total',
];

export class Metrics {
  readonly #daemon: DaemonFacade;
  readonly #registry = new Registry();
  readonly #families: readonly { readonly family: MetricFamily; readonly metric: Counter | Gauge }[];
  readonly #latency = new LatencyMetric();
  #scraping: Promise<string> | undefined;

  constructor(daemon: DaemonFacade) {
    this.#daemon = daemon;
    this.#registry.registerMetric(this.#latency);
    this.#families = [...CONTRACT_FAMILIES, ...FURTHER_FAMILIES].map((family) => ({
      family,
      metric: this.#register(family),
    }));
    collectDefaultMetrics({ register: this.#registry, prefix: 'kapkan_' });
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name);
  }

  /** Scrapes at the same time share one answer, so that many of them cost no more than one. */
  exposition(): Promise<string> {
    this.#scraping ??= this.#scrape().finally(() => {
      this.#scraping = undefined;
    });
    return this.#scraping;
  }

  async #scrape(): Promise<string> {
    const snapshot = await this.#daemon.metrics();
    this.#latency.set(snapshot.latencyBoundsSeconds, snapshot.ingest.latency);
    for (const { family, metric } of this.#families) {
      metric.reset();
      for (const [value, ...labels] of family.samples({ daemon: this.#daemon, snapshot })) {
        metric.labels(...labels).inc(value);
      }
    }
    return this.#registry.metrics();
  }

  #register({ name, help, type, labels }: MetricFamily): Counter | Gauge {
    const configuration = { name, help, labelNames: [...labels], registers: [this.#registry] };
    return type === 'counter' ? new Counter(configuration) : new Gauge(configuration);
  }
}
