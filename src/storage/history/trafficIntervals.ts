/*
 * Makes traffic rows from samples: the mean over the samples of an interval, and the highest of them. A sample holds
 * the rates over the sliding window. Where the interval is longer than the window, samples follow each other by one
 * window length; together they cover the interval once, so the mean of the samples is the mean of the interval.
 */
import { formatWords } from '../../net/address.ts';
import { byMetric, offsetOf, TOTAL_COUNT, TOTAL_METRICS } from '../../trafficMetrics.ts';
import { roundedRate, type TrafficRates, type TrafficRow, type TrafficScope } from './historyRows.ts';

/** It can be posted to a thread, and its arrays can be transferred. */
export interface TrafficSample {
  /** Start of the interval it belongs to, and its length. */
  readonly time: number;
  readonly intervalSeconds: number;
  /** It is the last sample of its interval. */
  readonly isLast: boolean;
  /** Indexed by the group numbers of this sample. */
  readonly groups: readonly { readonly name: string; readonly tenant: string }[];
  /** `TOTAL_COUNT` values for each group: the sums over all its hosts. */
  readonly groupRates: Float64Array;
  readonly hosts: {
    readonly count: number;
    /** Four words for each host. */
    readonly addresses: Uint32Array;
    /** Group numbers. */
    readonly groups: Uint16Array;
    /** `ratesPerHost` values for each host, the sampled ones first. */
    readonly rates: Float64Array;
    readonly ratesPerHost: number;
  };
}

interface Series {
  readonly scope: TrafficScope;
  readonly target: string;
  group: string;
  tenant: string;
  readonly sums: Float64Array;
  readonly peaks: Float64Array;
}

export class TrafficIntervals {
  readonly #maxHosts: number;
  #time = 0;
  #intervalSeconds = 0;
  #samples = 0;
  readonly #hosts = new Map<string, Series>();
  readonly #groups = new Map<string, Series>();

  /** `maxHosts`: the most hosts of one interval; those with the most packets are kept. */
  constructor(maxHosts: number) {
    this.#maxHosts = maxHosts;
  }

  /** Adds a sample. Answers the rows of intervals that have ended. */
  add(sample: TrafficSample): TrafficRow[] {
    const rows = sample.time === this.#time ? [] : this.flush();
    this.#time = sample.time;
    this.#intervalSeconds = sample.intervalSeconds;
    this.#samples++;
    this.#addGroups(sample);
    this.#addHosts(sample);
    return sample.isLast ? [...rows, ...this.flush()] : rows;
  }

  /** Ends the interval in progress and answers its rows. */
  flush(): TrafficRow[] {
    let hosts = [...this.#hosts.values()];
    if (hosts.length > this.#maxHosts) {
      hosts = hosts.sort((a, b) => b.sums[offsetOf('pps')] - a.sums[offsetOf('pps')]).slice(0, this.#maxHosts);
    }
    const rows = [...this.#groups.values(), ...hosts].map((series) => this.#rowOf(series));
    this.#hosts.clear();
    this.#groups.clear();
    this.#samples = 0;
    return rows;
  }

  #addGroups({ groups, groupRates }: TrafficSample): void {
    groups.forEach(({ name, tenant }, number) => {
      const at = TOTAL_COUNT * number;
      if (groupRates[at] > 0) addRates(seriesOf(this.#groups, 'group', name, name, tenant), groupRates, at);
    });
  }

  #addHosts({ groups, hosts }: TrafficSample): void {
    const { addresses, rates, ratesPerHost } = hosts;
    for (let row = 0; row < hosts.count; row++) {
      const at = 4 * row;
      const target = formatWords(addresses[at], addresses[at + 1], addresses[at + 2], addresses[at + 3]);
      const group = groups[hosts.groups[row]] ?? groups[0];
      addRates(seriesOf(this.#hosts, 'host', target, group.name, group.tenant), rates, ratesPerHost * row);
    }
  }

  #rowOf({ scope, target, group, tenant, sums, peaks }: Series): TrafficRow {
    return {
      time: this.#time,
      intervalSeconds: this.#intervalSeconds,
      scope,
      target,
      group,
      tenant,
      mean: namedRates(sums, this.#samples),
      peak: namedRates(peaks, 1),
    };
  }
}

function seriesOf(
  all: Map<string, Series>,
  scope: TrafficScope,
  target: string,
  group: string,
  tenant: string,
): Series {
  let series = all.get(target);
  if (series === undefined) {
    series = {
      scope,
      target,
      group,
      tenant,
      sums: new Float64Array(TOTAL_COUNT),
      peaks: new Float64Array(TOTAL_COUNT),
    };
    all.set(target, series);
  }
  series.group = group;
  series.tenant = tenant;
  return series;
}

function addRates({ sums, peaks }: Series, rates: Float64Array, at: number): void {
  for (let i = 0; i < TOTAL_COUNT; i++) {
    sums[i] += rates[at + i];
    peaks[i] = Math.max(peaks[i], rates[at + i]);
  }
}

function namedRates(values: Float64Array, divisor: number): TrafficRates {
  return byMetric(TOTAL_METRICS, (_, name) => roundedRate(values[offsetOf(name)] / divisor));
}
