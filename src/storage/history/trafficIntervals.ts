/*
 * Samples of rates become rows of traffic: the mean over the samples of an interval, and the highest of them. A sample is
 * the rates over the sliding window, and samples follow each other by a window's length where the interval is longer; so
 * together they cover the interval, each moment once, and their mean is its mean.
 */
import { formatWords } from '../../net/address.ts';
import { roundedRate, type TrafficRates, type TrafficRow, type TrafficScope } from './historyRows.ts';

/** Rates a sample has of each host and group: packets, megabits, flow records a second. */
export const SAMPLED_RATES = 3;

/** Structured-cloneable; the arrays may be transferred. */
export interface TrafficSample {
  /** Start of the interval it belongs to, and its length. */
  readonly time: number;
  readonly intervalSeconds: number;
  /** No sample of this interval follows. */
  readonly isLast: boolean;
  /** By group number, as of this sample. */
  readonly groups: readonly { readonly name: string; readonly tenant: string }[];
  /** `SAMPLED_RATES` a group: the sum over all its hosts. */
  readonly groupRates: Float64Array;
  readonly hosts: {
    readonly count: number;
    /** Four words a host. */
    readonly addresses: Uint32Array;
    /** Group numbers. */
    readonly groups: Uint16Array;
    /** `ratesPerHost` a host, the sampled ones first. */
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

  /** Of one interval at most so many hosts are kept: those with most packets. */
  constructor(maxHosts: number) {
    this.#maxHosts = maxHosts;
  }

  /** The rows of intervals that are over now. */
  add(sample: TrafficSample): TrafficRow[] {
    const rows = sample.time === this.#time ? [] : this.flush();
    this.#time = sample.time;
    this.#intervalSeconds = sample.intervalSeconds;
    this.#samples++;
    this.#addGroups(sample);
    this.#addHosts(sample);
    return sample.isLast ? [...rows, ...this.flush()] : rows;
  }

  /** What there is of the interval in progress. */
  flush(): TrafficRow[] {
    let hosts = [...this.#hosts.values()];
    if (hosts.length > this.#maxHosts) {
      hosts = hosts.sort((a, b) => b.sums[0] - a.sums[0]).slice(0, this.#maxHosts);
    }
    const rows = [...this.#groups.values(), ...hosts].map((series) => this.#rowOf(series));
    this.#hosts.clear();
    this.#groups.clear();
    this.#samples = 0;
    return rows;
  }

  #addGroups({ groups, groupRates }: TrafficSample): void {
    groups.forEach(({ name, tenant }, number) => {
      const at = SAMPLED_RATES * number;
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
      sums: new Float64Array(SAMPLED_RATES),
      peaks: new Float64Array(SAMPLED_RATES),
    };
    all.set(target, series);
  }
  series.group = group;
  series.tenant = tenant;
  return series;
}

function addRates({ sums, peaks }: Series, rates: Float64Array, at: number): void {
  for (let i = 0; i < SAMPLED_RATES; i++) {
    sums[i] += rates[at + i];
    peaks[i] = Math.max(peaks[i], rates[at + i]);
  }
}

function namedRates(values: Float64Array, divisor: number): TrafficRates {
  return {
    pps: roundedRate(values[0] / divisor),
    mbps: roundedRate(values[1] / divisor),
    flowsPerSec: roundedRate(values[2] / divisor),
  };
}
