/*
 * The traffic metrics: what is measured for every protected host, and what a limit can be set on. This table is the
 * only list of them. The offsets of counters, the size of a row of rates, the keys of `thresholds` in the config and
 * the keys of `rates` in the API follow from it. (The metrics for Prometheus are something else: see `api/metrics.ts`.)
 *
 * A row of counters and a row of rates have the same order: a metric's offset is its place in both. Counters count
 * packets, bytes and flow records; rates are packets, megabits and flow records a second.
 */

/** A kind of traffic. `tcp_syn` is TCP with SYN and without ACK; `frag` is IP fragments of any protocol. */
type TrafficKind = 'all' | 'tcp' | 'udp' | 'icmp' | 'tcp_syn' | 'frag';

/** What is counted. As a rate it is for each second; a megabit is 10^6 bits. */
export type RateUnit = 'packets' | 'megabits' | 'flows';

interface TrafficMetric {
  readonly offset: number;
  /** As in the config and in the API. */
  readonly name: string;
  readonly kind: TrafficKind;
  readonly unit: RateUnit;
  /** For a person, at the start of a sentence. */
  readonly title: string;
}

export const TRAFFIC_METRICS = [
  { offset: 0, name: 'pps', kind: 'all', unit: 'packets', title: 'Packets a second' },
  { offset: 1, name: 'mbps', kind: 'all', unit: 'megabits', title: 'Megabits (10^6 bits) a second' },
  { offset: 2, name: 'flows_per_sec', kind: 'all', unit: 'flows', title: 'Flow records a second' },
  { offset: 3, name: 'tcp_pps', kind: 'tcp', unit: 'packets', title: 'TCP packets a second' },
  { offset: 4, name: 'tcp_mbps', kind: 'tcp', unit: 'megabits', title: 'TCP megabits a second' },
  { offset: 5, name: 'udp_pps', kind: 'udp', unit: 'packets', title: 'UDP packets a second' },
  { offset: 6, name: 'udp_mbps', kind: 'udp', unit: 'megabits', title: 'UDP megabits a second' },
  { offset: 7, name: 'icmp_pps', kind: 'icmp', unit: 'packets', title: 'ICMP packets a second' },
  { offset: 8, name: 'icmp_mbps', kind: 'icmp', unit: 'megabits', title: 'ICMP megabits a second' },
  {
    offset: 9,
    name: 'tcp_syn_pps',
    kind: 'tcp_syn',
    unit: 'packets',
    title: 'Packets a second of TCP SYN without ACK',
  },
  {
    offset: 10,
    name: 'tcp_syn_mbps',
    kind: 'tcp_syn',
    unit: 'megabits',
    title: 'Megabits a second of TCP SYN without ACK',
  },
  { offset: 11, name: 'frag_pps', kind: 'frag', unit: 'packets', title: 'IP fragments a second' },
  { offset: 12, name: 'frag_mbps', kind: 'frag', unit: 'megabits', title: 'Megabits a second of IP fragments' },
] as const satisfies readonly TrafficMetric[];

type Row = (typeof TRAFFIC_METRICS)[number];

export type Metric = Row['name'];

/** Metrics of all traffic of a host. */
export type TotalMetric = Extract<Row, { readonly kind: 'all' }>['name'];

/** Metrics of one kind of traffic. */
export type KindMetric = Exclude<Metric, TotalMetric>;

/** A limit for each metric that has one. */
export type Thresholds = { readonly [metric in Metric]?: number };

/** A rate for each metric that is measured. */
export type Rates = { readonly [metric in Metric]?: number };

/** All names, by offset: the totals first. */
export const METRICS = TRAFFIC_METRICS.map(({ name }) => name);
export const TOTAL_METRICS = TRAFFIC_METRICS.filter(({ kind }) => kind === 'all').map(
  ({ name }) => name as TotalMetric,
);
export const KIND_METRICS = TRAFFIC_METRICS.filter(({ kind }) => kind !== 'all').map(({ name }) => name as KindMetric);

/** Values in a row of counters or rates, and how many of them are totals. */
export const METRIC_COUNT = METRICS.length;
export const TOTAL_COUNT = TOTAL_METRICS.length;

/** By offset, the factor from a counter to the unit of its rate: bytes to megabits, or 1. */
export const RATE_PER_COUNT = Float64Array.from(TRAFFIC_METRICS, ({ unit }) => (unit === 'megabits' ? 8 / 1e6 : 1));

/** The place of a metric in every row of counters, rates or limits. */
export function offsetOf(metric: Metric): number {
  return METRICS.indexOf(metric);
}

/** An object with a value for each of these metrics. */
export function byMetric<M extends Metric, Value>(
  metrics: readonly M[],
  make: (row: TrafficMetric, name: M) => Value,
): Record<M, Value> {
  return Object.fromEntries(metrics.map((name) => [name, make(TRAFFIC_METRICS[offsetOf(name)], name)])) as Record<
    M,
    Value
  >;
}

/** Half of a 95 % interval, in standard deviations. */
const HALF_INTERVAL = 1.96;

/**
 * Half the width of the 95 % interval of a rate. `variances` are those of all packets and all bytes; one kind of
 * traffic has the share of them that it has of the traffic.
 */
export function rateError(rates: Float64Array, variances: Float64Array, metric: number): number {
  const { unit } = TRAFFIC_METRICS[metric];
  if (unit === 'flows') return 0;
  const total = rates[offsetOf(unit === 'packets' ? 'pps' : 'mbps')];
  if (total <= 0) return 0;
  return HALF_INTERVAL * Math.sqrt(variances[unit === 'packets' ? 0 : 1] * (rates[metric] / total));
}

/** What the counting code relies on; a mistake in the table stops the program when it loads. */
function checkTable(rows: readonly TrafficMetric[]): void {
  rows.forEach(({ offset, name, kind, unit }, place) => {
    const next = rows[place + 1];
    const megabitsFollow = next?.kind === kind && next.unit === 'megabits';
    if (offset !== place || METRICS.indexOf(name as Metric) !== place) throw new Error(`${name} is not at its offset`);
    if ((kind === 'all') !== place < TOTAL_COUNT) throw new Error(`${name}: the totals must come first`);
    if (unit === 'packets' && !megabitsFollow)
      throw new Error(`${name}: the megabits of a kind must follow its packets`);
  });
}

checkTable(TRAFFIC_METRICS);
