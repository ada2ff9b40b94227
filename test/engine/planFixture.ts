/*
 * Plans for tests, with only what a test is about written out.
 */
import assert from 'node:assert/strict';
import type { EnginePlan } from '../../src/engine/enginePlan.ts';
import { type Address, parseAddress } from '../../src/net/address.ts';
import { type Prefix, parsePrefix } from '../../src/net/prefix.ts';
import { METRICS, type Thresholds } from '../../src/trafficMetrics.ts';

export interface GroupFixture {
  readonly name: string;
  readonly networks: readonly string[];
  readonly limits: Thresholds;
  readonly hysteresisSeconds?: number;
}

export interface PlanFixture {
  readonly networks?: readonly string[];
  /** Of the global group. */
  readonly limits?: Thresholds;
  readonly hysteresisSeconds?: number;
  readonly groups?: readonly GroupFixture[];
  readonly workers?: number;
  readonly windowSeconds?: number;
  readonly confidence?: number;
  readonly hostLimit?: number;
  readonly hostCapacity?: number;
  readonly hashSeed?: number;
  readonly samplesEnabled?: boolean;
}

export function address(text: string): Address {
  return parseAddress(text) ?? assert.fail(`${text} is no address`);
}

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  return typeof parsed === 'string' ? assert.fail(parsed) : parsed;
}

export function enginePlan(fixture: PlanFixture = {}): EnginePlan {
  const groups = [
    {
      name: 'global',
      networks: fixture.networks ?? ['10.0.0.0/8', '2001:db8::/32'],
      limits: fixture.limits ?? { pps: 10_000 },
      hysteresisSeconds: fixture.hysteresisSeconds,
    },
    ...(fixture.groups ?? []),
  ];
  return {
    workers: fixture.workers ?? 1,
    windowSeconds: fixture.windowSeconds ?? 5,
    confidence: fixture.confidence ?? 2,
    networks: groups.flatMap((group, number) => group.networks.map((text) => [prefix(text), number] as const)),
    groups: groups.map((group, number) => ({
      name: group.name,
      limits: Float64Array.from(METRICS, (metric) => group.limits[metric] ?? Number.POSITIVE_INFINITY),
      limitSources: METRICS.map((metric) =>
        number > 0 && group.limits[metric] !== undefined ? ('group' as const) : ('global' as const),
      ),
      hysteresisMs: (group.hysteresisSeconds ?? 60) * 1000,
    })),
    samples: { enabled: fixture.samplesEnabled ?? true, flowsPerAttack: 20 },
    hostLimit: fixture.hostLimit ?? 300_000,
    hostCapacity: fixture.hostCapacity ?? fixture.hostLimit ?? 300_000,
    hashSeed: fixture.hashSeed ?? 1,
  };
}
