/*
 * `thresholds`: the rates above which a host is under attack, for the whole file and for a hostgroup.
 */
import * as z from 'zod';
import { positive, zeroOrMore } from '../fields.ts';
import { defineSection } from '../section.ts';
import { METRICS, type Thresholds } from '../thresholds.ts';

const rate = positive();
const offOrRate = zeroOrMore();

/** Limits on one protocol's share of a host's traffic; optional everywhere. */
const protocolLimits = {
  tcp_pps: offOrRate.optional().describe('TCP packets a second; 0 or absent is off'),
  tcp_mbps: offOrRate.optional().describe('TCP megabits a second; 0 or absent is off'),
  udp_pps: offOrRate.optional().describe('UDP packets a second; 0 or absent is off'),
  udp_mbps: offOrRate.optional().describe('UDP megabits a second; 0 or absent is off'),
  icmp_pps: offOrRate.optional().describe('ICMP packets a second; 0 or absent is off'),
  icmp_mbps: offOrRate.optional().describe('ICMP megabits a second; 0 or absent is off'),
  tcp_syn_pps: offOrRate.optional().describe('Packets a second of TCP SYN without ACK; 0 or absent is off'),
  tcp_syn_mbps: offOrRate.optional().describe('Megabits a second of TCP SYN without ACK; 0 or absent is off'),
  frag_pps: offOrRate.optional().describe('IP fragments a second; 0 or absent is off'),
  frag_mbps: offOrRate.optional().describe('Megabits a second of IP fragments; 0 or absent is off'),
};

const thresholdsSchema = z
  .strictObject({
    pps: rate.describe('Packets a second, above 0'),
    mbps: rate.describe('Megabits (10^6 bits) a second, above 0'),
    flows_per_sec: rate.describe('Flow records a second, above 0'),
    ...protocolLimits,
  })
  .describe('Rates of one host, incoming, above which it is under attack; any crossed limit is enough');

export const groupThresholdsSchema = z
  .strictObject({
    pps: offOrRate.optional().describe('Packets a second; 0 is off'),
    mbps: offOrRate.optional().describe('Megabits (10^6 bits) a second; 0 is off'),
    flows_per_sec: offOrRate.optional().describe('Flow records a second; 0 is off'),
    ...protocolLimits,
  })
  .describe('Limits of this group; what is absent is inherited from the global thresholds, 0 turns a limit off');

const keys = { thresholds: thresholdsSchema };

export interface GroupThresholdsConfig {
  readonly thresholds: Thresholds;
  /** For each limit, whether the group itself states it or inherits it. */
  readonly thresholdSources: { readonly [metric in keyof Thresholds]: 'group' | 'global' };
}

/** A limit of 0 is off, so it is left out; that the group stated it still shows in the sources. */
export function resolveGroupThresholds(
  global: z.output<typeof thresholdsSchema>,
  own: z.output<typeof groupThresholdsSchema> | undefined,
): GroupThresholdsConfig {
  const thresholds: { -readonly [metric in keyof Thresholds]: number } = {};
  const thresholdSources: { -readonly [metric in keyof Thresholds]: 'group' | 'global' } = {};
  for (const metric of METRICS) {
    const stated = own?.[metric] ?? global[metric];
    if (stated === undefined) continue;
    thresholdSources[metric] = own?.[metric] === undefined ? 'global' : 'group';
    if (stated > 0) thresholds[metric] = stated;
  }
  return { thresholds, thresholdSources };
}

/** Resolved with the groups, which inherit it. */
export const thresholdsSection = defineSection({ keys, rules: [], resolve: () => ({}), reload: 'live' });
