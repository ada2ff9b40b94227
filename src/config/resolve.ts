/*
 * From a valid file to the configuration the daemon runs on: groups inherit, alternatives become one form, paths
 * become absolute, what is off becomes a number that never limits.
 */
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { type Address, formatAddress } from '../net/address.ts';
import { parseCommunity } from './community.ts';
import type {
  ApiToken,
  BgpConfig,
  Community,
  Config,
  FlowspecConfig,
  GobgpConfig,
  GroupBanConfig,
  GroupConfig,
  ScrubbingConfig,
} from './config.ts';
import { GLOBAL_GROUP } from './networkRules.ts';
import type { NotifySecrets } from './notifyRules.ts';
import { resolveNotify } from './resolveNotify.ts';
import type { FileConfig, FileHostgroup } from './schema.ts';
import { resolveStorage, type StorageSecrets } from './storageRules.ts';
import { METRICS, type Thresholds } from './thresholds.ts';

/** RFC 7999 §5: what a blackhole route carries where the file states no community. */
const DEFAULT_COMMUNITY = parseCommunity('blackhole') as Community;
const DEFAULT_NEXT_HOP6 = '100::1';

/** What comes out of the environment. */
export interface Secrets {
  readonly tokens: readonly ApiToken[];
  readonly notify: NotifySecrets;
  readonly storage: StorageSecrets;
}

/** `file` is the file's absolute path; relative paths in it start from its directory. */
export function resolveConfig(parsed: FileConfig, file: string, secrets: Secrets): Config {
  const directory = path.dirname(file);
  const global = resolveGlobalGroup(parsed);
  return {
    file,
    dryRun: parsed.dry_run,
    listen: { netflow: parsed.listen.netflow ?? [], sflow: parsed.listen.sflow ?? [] },
    ingest: {
      workers: parsed.ingest.workers === 'auto' ? automaticWorkers() : parsed.ingest.workers,
      receiveBufferBytes: parsed.ingest.receive_buffer_bytes,
    },
    flowSources: [...new Set(parsed.flow_sources.map(formatAddress))],
    flowSourcesEnforce: parsed.flow_sources_enforce,
    sampling: {
      defaultRate: parsed.sampling.default_rate,
      overrides: new Map(parsed.sampling.overrides.map(({ exporter, rate }) => [formatAddress(exporter), rate])),
    },
    networks: parsed.networks,
    protectedWhitelist: parsed.protected_whitelist,
    detection: { windowSeconds: parsed.detection.window_seconds },
    groups: [global, ...parsed.hostgroups.map((group) => resolveGroup(group, parsed, global))],
    samples: {
      enabled: parsed.samples.enabled,
      bufferFlows: parsed.samples.buffer_flows,
      flowsPerAttack: parsed.samples.flows_per_attack,
    },
    ban: {
      maxActiveBans: parsed.ban.max_active_bans,
      maxBannedFraction: parsed.ban.max_banned_fraction ?? 1,
      maxBansPerWindow: parsed.ban.max_bans_per_window ?? Number.POSITIVE_INFINITY,
      banWindowSeconds: parsed.ban.ban_window_seconds,
      onShutdown: parsed.ban.on_shutdown,
    },
    flowspecMaxRules: parsed.flowspec.max_rules ?? Number.POSITIVE_INFINITY,
    gobgp: resolveGobgp(parsed.gobgp, directory),
    notify: resolveNotify(parsed.notify, secrets.notify, directory),
    storage: resolveStorage(parsed.storage, secrets.storage, directory),
    api: { listen: parsed.api.listen, tokens: secrets.tokens, allowUnauthenticated: parsed.api.allow_unauthenticated },
  };
}

/** One core is left to the main thread. */
function automaticWorkers(): number {
  return Math.max(1, Math.min(64, availableParallelism() - 1));
}

function resolveGlobalGroup(parsed: FileConfig): GroupConfig {
  return {
    name: GLOBAL_GROUP,
    tenant: parsed.tenant,
    networks: [],
    ...resolveThresholds(parsed.thresholds, undefined),
    ban: resolveGroupBan(parsed.ban, undefined),
    mitigation: parsed.mitigation,
    flowspec: resolveFlowspec(parsed.flowspec, undefined),
    bgp: resolveBgp(parsed.bgp, undefined),
    scrubbing: resolveScrubbing(parsed.scrubbing, undefined),
    escalation: resolveEscalation(parsed.escalation),
  };
}

function resolveGroup(group: FileHostgroup, parsed: FileConfig, global: GroupConfig): GroupConfig {
  return {
    name: group.name,
    tenant: group.tenant,
    networks: group.networks,
    ...resolveThresholds(parsed.thresholds, group.thresholds),
    ban: resolveGroupBan(parsed.ban, group.ban),
    mitigation: group.mitigation ?? global.mitigation,
    flowspec: resolveFlowspec(parsed.flowspec, group.flowspec),
    bgp: resolveBgp(parsed.bgp, group.bgp),
    scrubbing: resolveScrubbing(parsed.scrubbing, group.scrubbing),
    escalation: group.escalation === undefined ? global.escalation : resolveEscalation(group.escalation),
  };
}

/** 0 turns a limit off, so it is left out; that the group said so still shows in the sources. */
function resolveThresholds(
  global: FileConfig['thresholds'],
  own: FileHostgroup['thresholds'],
): Pick<GroupConfig, 'thresholds' | 'thresholdSources'> {
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

function resolveGroupBan(global: FileConfig['ban'], own: FileHostgroup['ban']): GroupBanConfig {
  return {
    ttlSeconds: own?.ttl_seconds ?? global.ttl_seconds,
    unbanHysteresisSeconds: own?.unban_hysteresis_seconds ?? global.unban_hysteresis_seconds,
    fallback: own?.fallback ?? global.fallback,
    limits: {
      maxActiveBans: own?.max_active_bans ?? Number.POSITIVE_INFINITY,
      maxBannedFraction: own?.max_banned_fraction ?? 1,
      maxBansPerWindow: own?.max_bans_per_window ?? Number.POSITIVE_INFINITY,
      banWindowSeconds: own?.ban_window_seconds ?? global.ban_window_seconds,
    },
  };
}

function resolveFlowspec(global: FileConfig['flowspec'], own: FileHostgroup['flowspec']): FlowspecConfig {
  const action = own?.action ?? global.action;
  return {
    action,
    rateMbps: action === 'rate_limit' ? (own?.rate_mbps ?? global.rate_mbps) : undefined,
    sourceAnchored: own?.source_anchored ?? global.source_anchored,
    minSourceConcentration: own?.min_source_concentration ?? global.min_source_concentration,
  };
}

function resolveBgp(global: FileConfig['bgp'], own: FileHostgroup['bgp']): BgpConfig {
  return {
    nextHop: formatOptional(own?.next_hop ?? global?.next_hop),
    nextHop6: formatOptional(own?.next_hop6 ?? global?.next_hop6) || DEFAULT_NEXT_HOP6,
    communities: statedCommunities(own) ?? statedCommunities(global) ?? [DEFAULT_COMMUNITY],
    localPref: own?.local_pref ?? global?.local_pref,
  };
}

function statedCommunities(bgp: FileHostgroup['bgp']): readonly Community[] | undefined {
  return bgp?.communities ?? (bgp?.community === undefined ? undefined : [bgp.community]);
}

function resolveScrubbing(
  global: FileConfig['scrubbing'],
  own: FileHostgroup['scrubbing'],
): ScrubbingConfig | undefined {
  const merged = { ...global, ...own };
  if (merged.next_hop === undefined && merged.next_hop6 === undefined) return undefined;
  return {
    nextHop: formatOptional(merged.next_hop),
    nextHop6: formatOptional(merged.next_hop6),
    communities: merged.communities ?? [],
    localPref: merged.local_pref,
  };
}

function formatOptional(address: Address | undefined): string {
  return address === undefined ? '' : formatAddress(address);
}

function resolveEscalation(rungs: FileConfig['escalation']): GroupConfig['escalation'] {
  return rungs.map(({ after_seconds, action }) => ({ afterSeconds: after_seconds, action }));
}

function resolveGobgp(gobgp: FileConfig['gobgp'], directory: string): GobgpConfig {
  const absolute = (file: string | undefined) => (file === undefined ? undefined : path.resolve(directory, file));
  return {
    addresses: gobgp.address.map(({ target }) => target),
    api: gobgp.api,
    tls: gobgp.tls && {
      caFile: absolute(gobgp.tls.ca_file),
      certFile: absolute(gobgp.tls.cert_file),
      keyFile: absolute(gobgp.tls.key_file),
      serverName: gobgp.tls.server_name,
    },
    timeoutSeconds: gobgp.timeout_seconds,
    instanceId: gobgp.instance_id,
  };
}
