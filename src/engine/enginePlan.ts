/*
 * The part of the configuration that the engine needs, as plain data that can be posted to a receiving thread. The
 * daemon makes one plan for each configuration and gives the same to every thread and to the detector, so all use the
 * same limits.
 */
import type { Config } from '../config/config.ts';
import type { GroupConfig } from '../config/sections/hostgroups.ts';
import type { Prefix } from '../net/prefix.ts';
import { PrefixTable } from '../net/prefixTable.ts';
import { METRICS } from '../trafficMetrics.ts';
import { MAX_HOST_LIMIT } from './hostTable.ts';
import { BYTE_VARIANCE, BYTES, PACKET_VARIANCE, PACKETS } from './trafficCounters.ts';

/** Where a limit is written: in the group itself, or inherited from `global`. */
type LimitSource = 'group' | 'global';

export interface GroupPlan {
  readonly name: string;
  /** In the order and units of METRICS; Infinity = off. */
  readonly limits: Float64Array;
  readonly limitSources: readonly LimitSource[];
  /** Quiet time before an attack on a host of this group ends. */
  readonly hysteresisMs: number;
}

/** Structured-cloneable. */
export interface EnginePlan {
  /** Receiving threads whose rates are summed. */
  readonly workers: number;
  readonly windowSeconds: number;
  /** Standard deviations by which an estimate must be over a limit to open an attack. */
  readonly confidence: number;
  /** Protected prefixes, each with the number of its group; the longest match decides. */
  readonly networks: readonly (readonly [Prefix, number])[];
  /** By group number; 0 is `global`. */
  readonly groups: readonly GroupPlan[];
  readonly samples: { readonly enabled: boolean; readonly flowsPerAttack: number };
  /** Most hosts that one thread tracks. */
  readonly hostLimit: number;
  /**
   * The most that a reload may raise `hostLimit` to. Taken from a thread's first plan. Only rows that were used take
   * memory.
   */
  readonly hostCapacity: number;
  /** Secret that keeps the host table's hash unpredictable, any 32-bit value. Taken from a thread's first plan. */
  readonly hashSeed: number;
}

/** `hashSeed` should be random for each start of the daemon, and may be fixed where nobody attacks (replay, tests). */
export function planOf(config: Config, workers: number, hashSeed: number): EnginePlan {
  const networks: [Prefix, number][] = config.networks.map((prefix) => [prefix, 0]);
  config.groups.forEach((group, number) => {
    for (const prefix of group.networks) networks.push([prefix, number]);
  });
  return {
    workers,
    windowSeconds: config.detection.windowSeconds,
    confidence: config.detection.confidence,
    networks,
    groups: config.groups.map(groupPlanOf),
    samples: { enabled: config.samples.enabled, flowsPerAttack: config.samples.flowsPerAttack },
    hostLimit: config.engine.maxHosts,
    hostCapacity: MAX_HOST_LIMIT,
    hashSeed,
  };
}

/** From an address to the number of its group; no match = not protected. */
export function protectedTable(plan: EnginePlan): PrefixTable {
  return new PrefixTable(plan.networks);
}

/**
 * The columns of a history that the detector needs: the metrics that any group limits, all packets and bytes, and the
 * variances.
 */
export function seriesColumns(plan: EnginePlan): number[] {
  const isLimited = (metric: number): boolean =>
    plan.groups.some(({ limits }) => limits[metric] < Number.POSITIVE_INFINITY);
  const metrics = METRICS.map((_, metric) => metric).filter(
    (metric) => metric === PACKETS || metric === BYTES || isLimited(metric),
  );
  return [...metrics, PACKET_VARIANCE, BYTE_VARIANCE];
}

function groupPlanOf(group: GroupConfig): GroupPlan {
  const limits = METRICS.map((metric) => {
    const limit = group.thresholds[metric] ?? 0;
    return limit > 0 ? limit : Number.POSITIVE_INFINITY;
  });
  return {
    name: group.name,
    limits: Float64Array.from(limits),
    limitSources: METRICS.map((metric) => group.thresholdSources[metric] ?? 'global'),
    hysteresisMs: group.ban.unbanHysteresisSeconds * 1000,
  };
}
