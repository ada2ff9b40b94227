/*
 * The time that the hot path takes for a flow, as a histogram in plain arrays: an observation allocates nothing, and
 * the snapshots of workers can be added. Reading the clock costs as much as a flow, so datagrams that are decoded
 * together are timed together, and their time is divided evenly among their flows. Each flow counts once.
 */

/** Upper bounds of the buckets, in seconds for each flow. One more bucket holds everything above. */
export const LATENCY_BOUNDS_SECONDS: readonly number[] = [
  25e-9, 50e-9, 100e-9, 250e-9, 500e-9, 1e-6, 2.5e-6, 5e-6, 10e-6, 50e-6, 100e-6, 1e-3, 10e-3,
];

/** Not cumulative: `counts[i]` are the flows in (bounds[i - 1], bounds[i]], the last one those above all bounds. */
export interface LatencySnapshot {
  readonly counts: readonly number[];
  readonly sumSeconds: number;
  /** All flows. */
  readonly count: number;
}

export const NO_LATENCY: LatencySnapshot = {
  counts: new Array<number>(LATENCY_BOUNDS_SECONDS.length + 1).fill(0),
  sumSeconds: 0,
  count: 0,
};

export class LatencyHistogram {
  readonly #bounds = Float64Array.from(LATENCY_BOUNDS_SECONDS, (seconds) => seconds * 1000);
  readonly #counts = new Float64Array(LATENCY_BOUNDS_SECONDS.length + 1);
  #sumMs = 0;
  #count = 0;

  /** Records that `elapsedMs` was spent on `flows` flows; ignored where there were none. */
  observe(elapsedMs: number, flows: number): void {
    if (flows === 0) return;
    const perFlow = elapsedMs / flows;
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && perFlow > bounds[bucket]) bucket++;
    this.#counts[bucket] += flows;
    this.#sumMs += elapsedMs;
    this.#count += flows;
  }

  snapshot(): LatencySnapshot {
    return { counts: [...this.#counts], sumSeconds: this.#sumMs / 1000, count: this.#count };
  }
}

export function addLatencies(a: LatencySnapshot, b: LatencySnapshot): LatencySnapshot {
  return {
    counts: a.counts.map((count, i) => count + b.counts[i]),
    sumSeconds: a.sumSeconds + b.sumSeconds,
    count: a.count + b.count,
  };
}
