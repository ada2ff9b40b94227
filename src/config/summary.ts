/*
 * A configuration as a person checks it before going live: what would be done to whom, with everything inherited
 * filled in. Tokens appear by name; secrets never.
 */
import { isLoopback } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import { METRICS } from '../trafficMetrics.ts';
import type { Community } from './community.ts';
import type { Config } from './config.ts';
import type { BanLimits } from './sections/ban.ts';
import type { BgpConfig } from './sections/bgp.ts';
import type { FlowTiming } from './sections/flowTiming.ts';
import type { GroupConfig } from './sections/hostgroups.ts';
import type { IngestConfig } from './sections/ingest.ts';
import { configuredChannels, type NotifyConfig } from './sections/notify/notify.ts';
import type { StorageConfig } from './sections/storage.ts';
import { formatSocketAddress, type SocketAddress } from './socketAddress.ts';

type Row = readonly [label: string, value: string];

/** Several lines, each ended by a newline. */
export function configSummary(config: Config): string {
  const rows: Row[] = [
    ['mode', config.dryRun ? 'dry-run: nothing is announced' : 'REAL: routes are announced'],
    ...listenerRows(config),
    ['networks', prefixes(config.networks)],
    ['whitelist', config.protectedWhitelist.length === 0 ? 'none' : prefixes(config.protectedWhitelist)],
    ['window', `${config.detection.windowSeconds} s`],
    ['hosts', trackedHosts(config)],
    ['caps', caps(config.ban)],
    ['FlowSpec rules', Number.isFinite(config.flowspecMaxRules) ? `at most ${config.flowspecMaxRules}` : 'no cap'],
    ['on shutdown', config.ban.onShutdown === 'keep' ? 'routes stay in GoBGP' : 'routes are withdrawn'],
    ...daemonRows(config),
  ];
  const groups = config.groups.flatMap((group) => ['', ...groupLines(group, config)]);
  const notes = notesOn(config).map((note) => `note: ${note}`);
  return [...aligned(rows), ...groups, ...(notes.length > 0 ? ['', ...notes] : []), ''].join('\n');
}

/** Bytes of a tracked host, rounded up (`engine/hostTable.ts`). */
const BYTES_PER_HOST = 400;

function trackedHosts({ engine: { maxHosts } }: Config): string {
  const megabytes = Math.ceil((maxHosts * BYTES_PER_HOST) / 1e6);
  return `at most ${maxHosts} tracked by a receiving thread, ${megabytes} MB when so many are`;
}

function listenerRows(config: Config): Row[] {
  const rows: Row[] = [];
  if (config.listen.netflow.length > 0) rows.push(['NetFlow/IPFIX', sockets(config.listen.netflow)]);
  if (config.listen.sflow.length > 0) rows.push(['sFlow', sockets(config.listen.sflow)]);
  const { workers, receive, receiveBufferBytes } = config.ingest;
  rows.push([
    'receiving',
    `${workers} thread${workers === 1 ? '' : 's'}, ${receiveText(receive)}, ${receiveBufferBytes} bytes of socket buffer`,
  ]);
  const others = config.flowSourcesEnforce ? 'others are dropped' : 'others are accepted';
  rows.push(['exporters', config.flowSources.length === 0 ? 'any' : `${config.flowSources.join(', ')}; ${others}`]);
  const overrides = [...config.sampling.overrides].map(([exporter, rate]) => `, ${exporter} 1:${rate}`).join('');
  rows.push(['sampling', `1:${config.sampling.defaultRate} where an exporter states none${overrides}`]);
  for (const [exporter, { externalInterfaces, egressSampling }] of config.sampling.boundaries)
    rows.push([
      'border',
      `${exporter}: interfaces ${externalInterfaces.join(', ')}${egressSampling ? ', also at egress' : ''}`,
    ]);
  if (config.flowTiming.size > 0) rows.push(['flow timing', [...config.flowTiming].map(flowTimingText).join(', ')]);
  return rows;
}

function receiveText(receive: IngestConfig['receive']): string {
  return receive === 'auto' ? 'recvmmsg where it works' : receive;
}

function daemonRows(config: Config): Row[] {
  const { gobgp, api } = config;
  const tls =
    gobgp.tls === undefined ? 'plain text' : gobgp.tls.certFile === undefined ? 'TLS' : 'TLS with certificate';
  const tokens = api.tokens.map(({ name, role, tenant }) => {
    return `${name} (${role}${tenant === undefined ? '' : ` of ${tenant}`})`;
  });
  return [
    ['GoBGP', `${gobgp.addresses.join(', ')}, api ${gobgp.api}, ${tls}, instance ${gobgp.instanceId}`],
    ['API', `${formatSocketAddress(api.listen)}, ${tokens.length === 0 ? 'no token' : `tokens: ${tokens.join(', ')}`}`],
    ['notify', notifications(config.notify)],
    ['state', config.storage.path],
    ['history', history(config.storage)],
  ];
}

function flowTimingText([exporter, { activeTimeoutMs, totals }]: readonly [string, FlowTiming]): string {
  const timeout = activeTimeoutMs > 0 ? ` active timeout ${activeTimeoutMs / 1000} s` : '';
  return `${exporter}${timeout}${totals ? ' counts totals' : ''}`;
}

function groupLines(group: GroupConfig, config: Config): string[] {
  const networks = group.networks.length === 0 ? 'every other protected host' : prefixes(group.networks);
  const { ban } = group;
  const rows: Row[] = [
    ['networks', networks],
    ...(group.tenant === undefined ? [] : [['tenant', group.tenant] as const]),
    ['limits', limits(group)],
    ['method', method(group)],
    ...routeRows(group),
    ['ban', `${ban.ttlSeconds} s, ends ${ban.unbanHysteresisSeconds} s after the attack, fallback ${ban.fallback}`],
  ];
  const own = caps(ban.limits);
  if (group !== config.groups[0] && own !== 'none') rows.push(['own caps', own]);
  return [`group ${group.name}`, ...aligned(rows).map((line) => `  ${line}`)];
}

function limits({ thresholds, thresholdSources }: GroupConfig): string {
  const stated = METRICS.filter((metric) => thresholdSources[metric] !== undefined).map((metric) => {
    const own = thresholdSources[metric] === 'group' ? ' (own)' : '';
    return `${metric} ${thresholds[metric] ?? 'off'}${own}`;
  });
  return stated.join(', ');
}

function method({ escalation, mitigation }: GroupConfig): string {
  if (escalation.length === 0) return mitigation;
  const rungs = escalation.map(({ afterSeconds, action }) => `${action} at ${afterSeconds} s`);
  return `ladder: ${rungs.join(', ')} (supersedes mitigation: ${mitigation})`;
}

/** The attributes of each kind of route the group may see announced. */
function routeRows(group: GroupConfig): Row[] {
  const { bgp, flowspec, scrubbing } = group;
  const rate = flowspec.action === 'discard' ? 'discard' : `rate limit ${flowspec.rateMbps} Mbit/s`;
  const anchored = flowspec.sourceAnchored
    ? `, sources pinned from ${flowspec.minSourceConcentration} of the sample`
    : '';
  const rows: Row[] = [
    ['blackhole', routeAttributes(bgp)],
    ['flowspec', `${rate}${anchored}`],
  ];
  if (scrubbing !== undefined) rows.push(['divert', routeAttributes(scrubbing)]);
  return rows;
}

function routeAttributes({ nextHop, nextHop6, communities, localPref }: BgpConfig): string {
  const hops = [nextHop, nextHop6].filter((hop) => hop !== '').join(' and ');
  const tags = communities.length === 0 ? 'no community' : `community ${communities.map(textOf).join(' ')}`;
  return `next hop ${hops}, ${tags}${localPref === undefined ? '' : `, local preference ${localPref}`}`;
}

function caps(limits: BanLimits): string {
  const stated: string[] = [];
  if (Number.isFinite(limits.maxActiveBans)) stated.push(`${limits.maxActiveBans} bans at once`);
  if (limits.maxBannedFraction < 1) stated.push(`${limits.maxBannedFraction} of the addresses of a family`);
  if (Number.isFinite(limits.maxBansPerWindow)) {
    stated.push(`${limits.maxBansPerWindow} new bans in ${limits.banWindowSeconds} s`);
  }
  return stated.length === 0 ? 'none' : `at most ${stated.join(', ')}`;
}

/** What is allowed, but may be a mistake. */
function notesOn(config: Config): string[] {
  const notes: string[] = [];
  if (config.api.tokens.length === 0) {
    const reach = isLoopback(config.api.listen.host) ? 'every user of this machine' : 'everyone who reaches the API';
    notes.push(`without a token ${reach} may ban and unban`);
  }
  const tenants = new Set(config.groups.map(({ tenant }) => tenant));
  for (const { name, tenant } of config.api.tokens) {
    if (tenant !== undefined && !tenants.has(tenant))
      notes.push(`token ${name} sees nothing, because no group belongs to the tenant ${tenant}`);
  }
  const { routes } = config.notify;
  const unused = configuredChannels(config.notify).filter(
    (name) => !routes.some(({ channels }) => channels.includes(name)),
  );
  if (routes.length > 0 && unused.length > 0)
    notes.push(`no route leads to ${unused.join(', ')}, which receives nothing`);
  if (config.protectedWhitelist.length === 0 && config.dryRun)
    notes.push('protected_whitelist is empty, every protected host can be banned');
  if (
    config.dryRun &&
    config.groups[0].bgp.nextHop === '' &&
    config.networks.some(({ address }) => address.version === 4)
  ) {
    notes.push('bgp.next_hop is not set, it will be required once dry_run is false');
  }
  return notes;
}

function aligned(rows: readonly Row[]): string[] {
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `${label.padEnd(width)}  ${value}`);
}

function prefixes(list: readonly Prefix[]): string {
  return list.map(({ text }) => text).join(', ');
}

function sockets(list: readonly SocketAddress[]): string {
  return list.map(formatSocketAddress).join(', ');
}

function history({ retentionDays, trafficIntervalSeconds, clickhouse }: StorageConfig): string {
  if (clickhouse === undefined) return `embedded, ${retentionDays} days, traffic every ${trafficIntervalSeconds} s`;
  const { url, database, cluster, ttlDays } = clickhouse;
  const where = cluster === undefined ? '' : `, cluster ${cluster}`;
  return `ClickHouse at ${url}, database ${database}${where}, ${ttlDays} days, traffic every ${clickhouse.trafficIntervalSeconds} s`;
}

function notifications(notify: NotifyConfig): string {
  const channels = configuredChannels(notify);
  if (channels.length === 0) return 'nobody';
  const { routes } = notify;
  return `${channels.join(', ')}; ${routes.length === 0 ? 'each receives everything' : `${routes.length} routes`}`;
}

function textOf(community: Community): string {
  return community.text;
}
