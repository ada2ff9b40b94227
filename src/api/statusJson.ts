/*
 * The status: mode, what is protected and with which limits, and the state of GoBGP, telemetry and notifications.
 */
import { z } from 'zod';
import { toRfc3339 } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { GroupConfig } from '../config/sections/hostgroups.ts';
import type { SocketAddress } from '../config/socketAddress.ts';
import type { GobgpStatus } from '../gobgp/gobgpAnnouncer.ts';
import type { Peer } from '../gobgp/peer.ts';
import type { IngestSnapshot } from '../ingest/ingestSnapshot.ts';
import type { NotifierStatus } from '../notify/notifier.ts';
import { methodSchema } from '../shapes/banJson.ts';
import { optionalTime, timeSchema } from '../shapes/timeJson.ts';
import { METRICS, type Thresholds } from '../trafficMetrics.ts';
import type { Principal } from './authenticator.ts';
import type { DaemonFacade } from './daemonFacade.ts';
import { TenantFilter } from './tenantFilter.ts';

const thresholdsSchema = z
  .partialRecord(z.enum(METRICS), z.number())
  .meta({ id: 'Thresholds', description: 'Limits by metric; absent = not limited.' });

const gobgpSchema = z.object({
  address: z.string().describe('several are separated by commas'),
  api: z.enum(['v3', 'v4']).optional().describe('absent until it is known'),
  connected: z.boolean().describe('to every one of them'),
  peers: z.array(z.object({ address: z.string(), asn: z.number().int(), state: z.string() })),
  last_error: z.string().optional(),
  conflict: z
    .object({ since: timeSchema, routes: z.number().int(), detail: z.string() })
    .optional()
    .describe('another program undoes again and again what Kapkan does; perhaps it has the same instance_id'),
});

/** Not visible to a token with a tenant. */
const deploymentSchema = z.object({
  paused_by: z.string().optional().describe('name of the token'),
  bgp: z.object({
    next_hop: z.string().optional(),
    next_hop6: z.string(),
    communities: z.array(z.string()),
    local_pref: z.number().int().optional(),
  }),
  gobgp: gobgpSchema.extend({ daemons: z.array(gobgpSchema) }),
  notify: z.object({
    channels: z.array(z.string()),
    queued: z.number().int().describe('messages waiting or being delivered'),
    errors: z
      .array(z.object({ channel: z.string(), error: z.string() }))
      .describe('channels whose latest attempt failed'),
  }),
  storage: z.object({ path: z.string() }),
  ingest: z.object({
    netflow: z.array(z.string()).describe('listening addresses'),
    sflow: z.array(z.string()),
    workers: z.number().int(),
    receive: z.enum(['recvmmsg', 'dgram']).optional().describe('how the sockets are read, once the threads answer'),
    exporters: z.number().int(),
    datagrams: z.number().int(),
    flows: z.number().int(),
    decode_errors: z.number().int(),
    dropped_datagrams: z.number().int().describe('by the kernel, because a receive buffer was full'),
    tracked_hosts: z.number().int(),
    unprotected_flows: z.number().int().describe('flows to no address in networks'),
    unreported_hosts: z
      .number()
      .int()
      .describe('hosts over a limit that had no room in the report of a tick, counted once a tick'),
  }),
});

export const statusSchema = z
  .object({
    dry_run: z.boolean(),
    version: z.string(),
    uptime_seconds: z.number().int(),
    tenant: z.string().optional().describe('of the token; without it the whole deployment is shown'),
    role: z.enum(['viewer', 'operator']).describe('of the token that asks'),
    unscoped: z.boolean().describe('the token sees every tenant'),
    paused: z.boolean().describe('every route is withdrawn until resume'),
    paused_since: timeSchema.optional(),
    networks: z.array(z.string()),
    active_attacks: z.number().int(),
    active_bans: z.number().int(),
    thresholds: thresholdsSchema.optional().describe('of the group global'),
    hostgroups: z.array(
      z.object({
        name: z.string(),
        networks: z.array(z.string()),
        thresholds: thresholdsSchema,
        mitigation: methodSchema,
        escalation: z.array(z.object({ after_seconds: z.number(), action: methodSchema })),
        ban: z.object({ ttl_seconds: z.number(), unban_hysteresis_seconds: z.number(), fallback: z.string() }),
      }),
    ),
    ...deploymentSchema.partial().shape,
  })
  .meta({ id: 'Status' });

export type StatusJson = z.infer<typeof statusSchema>;
/** The part of a status about the whole deployment. */
export type DeploymentJson = z.infer<typeof deploymentSchema>;

export async function statusJson(daemon: DaemonFacade, principal: Principal): Promise<StatusJson> {
  const config = daemon.config();
  const filter = new TenantFilter(config, principal);
  const pause = daemon.pauseState();
  const [first, ...others] = filter.groups();
  const ownsGlobal = first?.number === 0;
  const hostgroups = ownsGlobal ? others : filter.groups();
  return {
    dry_run: config.dryRun,
    version: daemon.version,
    uptime_seconds: Math.floor(daemon.uptimeSeconds()),
    role: principal.role,
    unscoped: filter.isUnscoped,
    tenant: filter.tenant,
    paused: pause !== undefined,
    paused_since: optionalTime(pause?.since),
    networks: filter.networks().map(({ text }) => text),
    active_attacks: daemon.activeIncidents().filter(({ attack }) => filter.seesAttack(attack)).length,
    active_bans: daemon.bans().filter((ban) => ban.state === 'active' && filter.seesBan(ban)).length,
    thresholds: ownsGlobal ? thresholdsJson(first.group.thresholds) : undefined,
    hostgroups: hostgroups.map(({ group }) => groupJson(group)),
    ...(filter.isUnscoped ? await deploymentJson(daemon, config) : {}),
  };
}

async function deploymentJson(daemon: DaemonFacade, config: Config): Promise<DeploymentJson> {
  const ingest = await daemon.ingest();
  const { bgp } = config.groups[0];
  return {
    paused_by: daemon.pauseState()?.by,
    bgp: {
      next_hop: bgp.nextHop === '' ? undefined : bgp.nextHop,
      next_hop6: bgp.nextHop6,
      communities: bgp.communities.map(({ text }) => text),
      local_pref: bgp.localPref,
    },
    gobgp: gobgpJson(daemon.gobgp(), daemon.peers()),
    notify: notifyJson(daemon.notifications()),
    storage: { path: config.storage.path },
    ingest: {
      netflow: config.listen.netflow.map(socketAddressText),
      sflow: config.listen.sflow.map(socketAddressText),
      workers: config.ingest.workers,
      ...ingestJson(ingest),
    },
  };
}

function notifyJson({ channels, queued, errors }: NotifierStatus): DeploymentJson['notify'] {
  return { channels: [...channels], queued, errors: errors.map(({ channel, error }) => ({ channel, error })) };
}

function groupJson(group: GroupConfig): StatusJson['hostgroups'][number] {
  return {
    name: group.name,
    networks: group.networks.map(({ text }) => text),
    thresholds: thresholdsJson(group.thresholds),
    mitigation: group.mitigation,
    escalation: group.escalation.map((rung) => ({ after_seconds: rung.afterSeconds, action: rung.action })),
    ban: {
      ttl_seconds: group.ban.ttlSeconds,
      unban_hysteresis_seconds: group.ban.unbanHysteresisSeconds,
      fallback: group.ban.fallback,
    },
  };
}

function thresholdsJson(thresholds: Thresholds): z.infer<typeof thresholdsSchema> {
  const json: z.infer<typeof thresholdsSchema> = {};
  for (const metric of METRICS) {
    const limit = thresholds[metric];
    if (limit !== undefined && Number.isFinite(limit) && limit > 0) json[metric] = limit;
  }
  return json;
}

function gobgpJson(daemons: readonly GobgpStatus[], peers: readonly Peer[]): DeploymentJson['gobgp'] {
  const daemonsJson = daemons.map((gobgp) => ({
    address: gobgp.address,
    api: gobgp.api,
    connected: gobgp.connected,
    peers: peers
      .filter(({ daemon }) => daemon === gobgp.address)
      .map(({ address, asn, state }) => ({ address, asn, state })),
    last_error: gobgp.lastError,
    conflict: gobgp.conflict && { ...gobgp.conflict, since: toRfc3339(gobgp.conflict.since) },
  }));
  return {
    address: daemonsJson.map(({ address }) => address).join(', '),
    api: daemonsJson.find(({ api }) => api !== undefined)?.api,
    connected: daemonsJson.length > 0 && daemonsJson.every(({ connected }) => connected),
    peers: daemonsJson.flatMap((json) => json.peers),
    last_error: daemonsJson.find(({ last_error }) => last_error !== undefined)?.last_error,
    conflict: daemonsJson.find(({ conflict }) => conflict !== undefined)?.conflict,
    daemons: daemonsJson,
  };
}

function ingestJson(ingest: IngestSnapshot): Omit<DeploymentJson['ingest'], 'netflow' | 'sflow' | 'workers'> {
  return {
    receive: receiveMethodOf(ingest),
    exporters: ingest.exporters.length,
    datagrams: ingest.datagrams.reduce((sum, { count }) => sum + count, 0),
    flows: Object.values(ingest.flows).reduce((sum, value) => sum + value, 0),
    decode_errors: ingest.decodeErrorDatagrams,
    dropped_datagrams: ingest.droppedDatagrams,
    tracked_hosts: ingest.trackedHosts,
    unprotected_flows: ingest.unprotectedFlows,
    unreported_hosts: ingest.unreportedHosts,
  };
}

function receiveMethodOf({ receivingThreads }: IngestSnapshot): DeploymentJson['ingest']['receive'] {
  if (receivingThreads.recvmmsg > 0) return 'recvmmsg';
  return receivingThreads.dgram > 0 ? 'dgram' : undefined;
}

function socketAddressText({ host, port }: SocketAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
