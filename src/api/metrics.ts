/*
 * `GET /metrics`: reads the daemon's counters at the moment of the scrape and writes them in the Prometheus text
 * format.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { IngestSnapshot } from '../ingest/ingestSnapshot.ts';
import type { DaemonFacade } from './daemonFacade.ts';
import { CONTRACT_FAMILIES, FURTHER_FAMILIES, type MetricFamily } from './metricFamilies.ts';

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** Gauges of prom-client that are named like counters. The same numbers exist by type, under proper names. */
const MISNAMED = [
  'kapkan_nodejs_active_handles_total',
  'kapkan_nodejs_active_requests_total',
  'kapkan_nodejs_active_resources_total',
];

const LATENCY_NAME = 'kapkan_engine_process_latency_seconds';
const LATENCY_HELP = 'Hot-path processing time per flow, of the flows that were timed';

interface BucketValue {
  readonly metricName: string;
  readonly labels: { readonly le?: number | string };
  readonly value: number;
}

/**
 * `kapkan_engine_process_latency_seconds`: a histogram whose buckets were counted on the receiving threads. prom-client
 * can only observe values one by one, so this class gives the registry the counted buckets.
 */
class LatencyMetric extends Histogram {
  #values: readonly BucketValue[] = [];

  constructor() {
    super({ name: LATENCY_NAME, help: LATENCY_HELP, registers: [] });
  }

  /** `boundsSeconds` are the upper bounds of all buckets but the last, which has none. */
  set(boundsSeconds: readonly number[], { counts, sumSeconds }: IngestSnapshot['latency']): void {
    let below = 0;
    const buckets = counts.map((count, i): BucketValue => {
      // The text format wants cumulative counts.
      below += count;
      return { metricName: `${LATENCY_NAME}_bucket`, labels: { le: boundsSeconds[i] ?? '+Inf' }, value: below };
    });
    this.#values = [
      ...buckets,
      { metricName: `${LATENCY_NAME}_sum`, labels: {}, value: sumSeconds },
      { metricName: `${LATENCY_NAME}_count`, labels: {}, value: below },
    ];
  }

  /** Called by the registry when it writes the text format. */
  async getForPromString() {
    return { name: LATENCY_NAME, help: LATENCY_HELP, type: 'histogram', values: this.#values };
  }
}

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
