/*
 * Configs for the tests of the mitigation core: small, complete, live by default, each part open to override.
 */

import type { Community } from '../../src/config/community.ts';
import type { Config } from '../../src/config/config.ts';
import type { BanLimits } from '../../src/config/sections/ban.ts';
import type { BgpConfig } from '../../src/config/sections/bgp.ts';
import type { GroupConfig } from '../../src/config/sections/hostgroups.ts';
import { type Prefix, parsePrefix } from '../../src/net/prefix.ts';
import { NO_NOTIFICATIONS } from '../notify/notifyFixture.ts';

export const BLACKHOLE_COMMUNITY: Community = { kind: 'standard', value: 0xffff029a, text: '65535:666' };

export const NO_LIMITS: BanLimits = {
  maxActiveBans: Number.POSITIVE_INFINITY,
  maxBannedFraction: 1,
  maxBansPerWindow: Number.POSITIVE_INFINITY,
  banWindowSeconds: 0,
};

const BGP: BgpConfig = {
  nextHop: '192.0.2.254',
  nextHop6: '100::1',
  communities: [BLACKHOLE_COMMUNITY],
  localPref: undefined,
};

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

export function groupFixture(overrides: Partial<GroupConfig> = {}): GroupConfig {
  return {
    name: 'global',
    tenant: undefined,
    networks: [],
    thresholds: { pps: 1000 },
    thresholdSources: {},
    ban: { ttlSeconds: 60, unbanHysteresisSeconds: 20, fallback: 'blackhole', limits: NO_LIMITS },
    mitigation: 'blackhole',
    flowspec: { action: 'discard', rateMbps: undefined, sourceAnchored: false, minSourceConcentration: 0.8 },
    bgp: BGP,
    scrubbing: { nextHop: '203.0.113.9', nextHop6: '2001:db8:ffff::9', communities: [], localPref: undefined },
    escalation: [],
    ...overrides,
  };
}

export interface ConfigOverrides extends Partial<Omit<Config, 'ban' | 'networks' | 'protectedWhitelist'>> {
  readonly networks?: readonly string[];
  readonly whitelist?: readonly string[];
  readonly ban?: Partial<Config['ban']>;
}

/** Protects 198.51.100.0/24 and 2001:db8:1::/120, with no caps but 100 active bans. */
export function configFixture({ networks, whitelist, ban, ...overrides }: ConfigOverrides = {}): Config {
  return {
    file: '/etc/kapkan.yaml',
    dryRun: false,
    listen: { netflow: [{ host: '127.0.0.1', port: 2055 }], sflow: [] },
    ingest: { workers: 1, receiveBufferBytes: 8 * 1024 * 1024 },
    flowSources: [],
    flowSourcesEnforce: false,
    sampling: { defaultRate: 1, overrides: new Map() },
    networks: (networks ?? ['198.51.100.0/24', '2001:db8:1::/120']).map(prefix),
    protectedWhitelist: (whitelist ?? []).map(prefix),
    detection: { windowSeconds: 5 },
    groups: [groupFixture()],
    samples: { enabled: true, bufferFlows: 65536, flowsPerAttack: 20 },
    ban: { ...NO_LIMITS, maxActiveBans: 100, onShutdown: 'keep', ...ban },
    flowspecMaxRules: Number.POSITIVE_INFINITY,
    gobgp: { addresses: ['127.0.0.1:50051'], api: 'auto', tls: undefined, timeoutSeconds: 5, instanceId: 1 },
    notify: NO_NOTIFICATIONS,
    storage: { path: '/var/lib/kapkan', retentionDays: 7, trafficIntervalSeconds: 10, clickhouse: undefined },
    api: { listen: { host: '127.0.0.1', port: 8080 }, tokens: [], allowUnauthenticated: false },
    ...overrides,
  };
}
