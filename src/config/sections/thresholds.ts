/*
 * `thresholds`: the rates above which a host is under attack, for the whole file and for a hostgroup.
 */
import * as z from 'zod';
import { byMetric, KIND_METRICS, METRICS, type Thresholds, TOTAL_METRICS } from '../../trafficMetrics.ts';
import { positive, zeroOrMore } from '../fields.ts';
import { defineSection } from '../section.ts';

const rate = positive();
const offOrRate = zeroOrMore();

/** Limits on one kind of traffic of a host; optional everywhere. */
const kindLimits = byMetric(KIND_METRICS, ({ title }) => offOrRate.optional().describe(`${title}; 0 or absent is off`));

const thresholdsSchema = z
  .strictObject({
    ...byMetric(TOTAL_METRICS, ({ title }) => rate.describe(`${title}, above 0`)),
    ...kindLimits,
  })
  .describe('Rates of one host, incoming, above which it is under attack; any crossed limit is enough');

export const groupThresholdsSchema = z
  .strictObject({
    ...byMetric(TOTAL_METRICS, ({ title }) => offOrRate.optional().describe(`${title}; 0 is off`)),
    ...kindLimits,
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
