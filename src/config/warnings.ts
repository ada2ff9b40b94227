/*
 * Parts of a valid config that are probably a mistake: networks that no operator has, limits that every host or no host
 * reaches, a live Kapkan that may ban everything. `check-config` and the daemon's start warn of it.
 */
import { type Prefix, parsePrefix, prefixesOverlap } from '../net/prefix.ts';
import { METRICS, type Metric } from '../trafficMetrics.ts';
import type { Config } from './config.ts';
import type { GroupConfig } from './sections/hostgroups.ts';

export interface ConfigWarning {
  /** Dotted path of the key. */
  readonly path: string;
  readonly message: string;
}

/** Prefixes that no operator protects from attacks on the Internet (RFC 6890, RFC 5771, RFC 4291). */
const SPECIAL: readonly (readonly [prefix: Prefix, what: string])[] = (
  [
    ['0.0.0.0/8', 'addresses of "this network"'],
    ['127.0.0.0/8', 'loopback addresses'],
    ['169.254.0.0/16', 'link-local addresses'],
    ['224.0.0.0/4', 'multicast addresses'],
    ['240.0.0.0/4', 'reserved addresses'],
    ['::/127', 'the unspecified and the loopback address'],
    ['fe80::/10', 'link-local addresses'],
    ['ff00::/8', 'multicast addresses'],
  ] as const
).map(([text, what]) => [parsePrefix(text) as Prefix, what]);

/** No registry gives one operator more than this. */
const SHORTEST_LENGTH = { 4: 8, 6: 16 } as const;

/** What nearly every host reaches, and what no link carries. */
const PLAUSIBLE = {
  packets: { min: 100, max: 1e10 },
  megabits: { min: 1, max: 1e7 },
  flows: { min: 10, max: 1e10 },
} as const;

export function configWarnings(config: Config): ConfigWarning[] {
  return [
    ...config.networks.flatMap((network, index) => networkWarnings(network, `networks[${index}]`)),
    ...config.groups.flatMap((group, index) => limitWarnings(group, index)),
    ...whitelistWarnings(config),
  ];
}

function networkWarnings(network: Prefix, path: string): ConfigWarning[] {
  const { version } = network.address;
  if (network.length === 0) {
    return [{ path, message: `${network.text} is the whole IPv${version} Internet, so any address could be banned` }];
  }
  const special = SPECIAL.filter(([prefix]) => prefixesOverlap(prefix, network));
  if (special.length > 0) {
    return special.map(([prefix, what]) => ({ path, message: `${network.text} holds ${what} (${prefix.text})` }));
  }
  if (network.length >= SHORTEST_LENGTH[version]) return [];
  return [{ path, message: `${network.text} is larger than the network of any operator` }];
}

function limitWarnings({ thresholds, thresholdSources }: GroupConfig, index: number): ConfigWarning[] {
  const section = index === 0 ? 'thresholds' : `hostgroups[${index - 1}].thresholds`;
  return METRICS.flatMap((metric) => {
    const limit = thresholds[metric];
    // An inherited limit is warned of where it is stated.
    const isInherited = index > 0 && thresholdSources[metric] === 'global';
    if (limit === undefined || isInherited) return [];
    const { min, max } = PLAUSIBLE[kindOf(metric)];
    const path = `${section}.${metric}`;
    if (limit < min) return [{ path, message: `${limit} is reached by nearly every host, which would be banned` }];
    return limit > max ? [{ path, message: `${limit} is more than any link carries, so it is never reached` }] : [];
  });
}

function kindOf(metric: Metric): keyof typeof PLAUSIBLE {
  if (metric.endsWith('mbps')) return 'megabits';
  return metric.endsWith('pps') ? 'packets' : 'flows';
}

function whitelistWarnings({ dryRun, protectedWhitelist }: Config): ConfigWarning[] {
  if (dryRun || protectedWhitelist.length > 0) return [];
  const message = 'is empty and dry_run is false, so routers, name servers and this machine can be banned';
  return [{ path: 'protected_whitelist', message }];
}
