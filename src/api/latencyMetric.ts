/*
 * `kapkan_engine_process_latency_seconds`: a histogram whose buckets were counted on the receiving threads. prom-client
 * can only observe values one by one, so this one answers with what was counted instead.
 */
import { Histogram } from 'prom-client';
import type { MetricsSnapshot } from './metricsSnapshot.ts';

type Buckets = Pick<MetricsSnapshot, 'latencyBoundsSeconds'> & Pick<MetricsSnapshot['ingest'], 'latency'>;

const NAME = 'kapkan_engine_process_latency_seconds';

export class LatencyMetric extends Histogram {
  #buckets: Buckets | undefined;

  constructor() {
    super({ name: NAME, help: 'Hot-path processing time per flow, of the flows that were timed', registers: [] });
  }

  set(buckets: Buckets): void {
    this.#buckets = buckets;
  }

  /** Buckets are cumulative in the text format, and the last one is everything (Prometheus exposition format 0.0.4). */
  override async get(): ReturnType<Histogram['get']> {
    const { latencyBoundsSeconds: bounds, latency } = this.#buckets ?? { latencyBoundsSeconds: [], latency: undefined };
    const counts = latency?.counts ?? [0];
    let below = 0;
    const values = counts.map((count, i) => {
      below += count;
      return { metricName: `${NAME}_bucket`, labels: { le: i < bounds.length ? bounds[i] : '+Inf' }, value: below };
    });
    return {
      ...(await super.get()),
      values: [
        ...values,
        { metricName: `${NAME}_sum`, labels: {}, value: latency?.sumSeconds ?? 0 },
        { metricName: `${NAME}_count`, labels: {}, value: below },
      ],
    };
  }

  getForPromString(): ReturnType<Histogram['get']> {
    return this.get();
  }
}
