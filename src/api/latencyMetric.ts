/*
 * `kapkan_engine_process_latency_seconds`: a histogram whose buckets were counted on the receiving threads. prom-client
 * can only observe values one by one, so this class gives the registry the counted buckets.
 */
import { Histogram } from 'prom-client';
import type { IngestSnapshot } from '../ingest/ingestSnapshot.ts';

const NAME = 'kapkan_engine_process_latency_seconds';
const HELP = 'Hot-path processing time per flow, of the flows that were timed';

interface BucketValue {
  readonly metricName: string;
  readonly labels: { readonly le?: number | string };
  readonly value: number;
}

export class LatencyMetric extends Histogram {
  #values: readonly BucketValue[] = [];

  constructor() {
    super({ name: NAME, help: HELP, registers: [] });
  }

  /** `boundsSeconds` are the upper bounds of all buckets but the last, which has none. */
  set(boundsSeconds: readonly number[], { counts, sumSeconds }: IngestSnapshot['latency']): void {
    let below = 0;
    const buckets = counts.map((count, i): BucketValue => {
      // The text format wants cumulative counts.
      below += count;
      return { metricName: `${NAME}_bucket`, labels: { le: boundsSeconds[i] ?? '+Inf' }, value: below };
    });
    this.#values = [
      ...buckets,
      { metricName: `${NAME}_sum`, labels: {}, value: sumSeconds },
      { metricName: `${NAME}_count`, labels: {}, value: below },
    ];
  }

  /** Called by the registry when it writes the text format. */
  async getForPromString() {
    return { name: NAME, help: HELP, type: 'histogram', values: this.#values };
  }
}
