/*
 * The rates that are measured and limited, by the names the contract gives them. Their order is the order of every
 * array of rates and limits in the engine.
 */

export const METRICS = [
  'pps',
  'mbps',
  'flows_per_sec',
  'tcp_pps',
  'tcp_mbps',
  'udp_pps',
  'udp_mbps',
  'icmp_pps',
  'icmp_mbps',
  'tcp_syn_pps',
  'tcp_syn_mbps',
  'frag_pps',
  'frag_mbps',
] as const;

/** Packets, megabits (10^6) or flow records, a second. */
export type Metric = (typeof METRICS)[number];

/** A limit for each metric that has one; what is absent is not limited. */
export type Thresholds = { readonly [metric in Metric]?: number };

/** A rate for each metric that is measured. */
export type Rates = { readonly [metric in Metric]?: number };
