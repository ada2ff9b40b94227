/*
 * The endpoints that only read.
 */
import { z } from 'zod';
import { banSchema } from '../shapes/banJson.ts';
import { exporterJson, exporterSchema } from '../shapes/exporterJson.ts';
import { peerJson, peerSchema } from '../shapes/peerJson.ts';
import { TOTAL_METRICS } from '../trafficMetrics.ts';
import { ApiError } from './apiError.ts';
import { attackEndpoint, attacksEndpoint } from './attacksEndpoint.ts';
import { bansJson } from './bansJson.ts';
import type { DaemonFacade } from './daemonFacade.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import { hostSchema, hostsJson } from './hostJson.ts';
import { METRICS_CONTENT_TYPE, type Metrics } from './metrics.ts';
import { statusJson, statusSchema } from './statusJson.ts';
import { TenantFilter } from './tenantFilter.ts';
import { trafficEndpoint } from './trafficEndpoint.ts';

/** Hosts in one answer at most. */
const MAX_HOSTS = 10_000;

const nothing = z.unknown();
const noQuery = z.strictObject({});

export function readEndpoints(daemon: DaemonFacade, metrics: Metrics): Endpoint[] {
  return [
    ...openEndpoints(daemon, metrics),
    statusEndpoint(daemon),
    hostsEndpoint(daemon),
    attacksEndpoint(daemon),
    attackEndpoint(daemon),
    trafficEndpoint(daemon),
    bansEndpoint(daemon),
    ...listEndpoints(daemon),
  ];
}

function openEndpoints(daemon: DaemonFacade, metrics: Metrics): Endpoint[] {
  return [
    endpoint({
      method: 'GET',
      path: '/healthz',
      summary: 'Whether the daemon is up',
      role: 'open',
      textType: 'text/plain; charset=utf-8',
      query: nothing,
      body: nothing,
      answers: {
        200: { description: 'Up', schema: z.literal('ok') },
        503: { description: 'Starting', schema: z.literal('starting') },
      },
      handle: () => (daemon.ready() ? { status: 200, body: 'ok' } : { status: 503, body: 'starting' }),
    }),
    endpoint({
      method: 'GET',
      path: '/metrics',
      summary: 'Metrics in the Prometheus text format',
      role: 'open',
      textType: METRICS_CONTENT_TYPE,
      query: nothing,
      body: nothing,
      answers: { 200: { description: 'Metrics', schema: z.string() } },
      handle: async () => ({ status: 200, body: await metrics.exposition() }),
    }),
  ];
}

function statusEndpoint(daemon: DaemonFacade): Endpoint {
  return endpoint({
    method: 'GET',
    path: '/api/v1/status',
    summary: 'The daemon at a glance',
    role: 'viewer',
    tenants: 'scoped',
    query: noQuery,
    body: nothing,
    answers: { 200: { description: 'Status', schema: statusSchema } },
    handle: async ({ principal }) => ({ status: 200, body: await statusJson(daemon, principal) }),
  });
}

function hostsEndpoint(daemon: DaemonFacade): Endpoint {
  return endpoint({
    method: 'GET',
    path: '/api/v1/hosts',
    summary: 'The busiest protected hosts and their current rates',
    role: 'viewer',
    tenants: 'scoped',
    query: z.strictObject({
      limit: z.coerce
        .number(`must be a number from 1 to ${MAX_HOSTS}`)
        .int()
        .min(1, `must be from 1 to ${MAX_HOSTS}`)
        .max(MAX_HOSTS, `must be from 1 to ${MAX_HOSTS}`)
        .default(100),
      sort: z.enum(TOTAL_METRICS).default('pps'),
      group: z.string().optional().describe('name of a hostgroup, or global'),
    }),
    body: nothing,
    answers: { 200: { description: 'Hosts, busiest first', schema: z.object({ hosts: z.array(hostSchema) }) } },
    handle: async ({ query, principal }) => {
      const groups = groupsAsked(new TenantFilter(daemon.config(), principal), query.group);
      if (groups?.length === 0) return { status: 200, body: { hosts: [] } };
      const hosts = await daemon.topHosts({ metric: query.sort, limit: query.limit, groups });
      // The config may have changed while the receiving threads answered.
      const filter = new TenantFilter(daemon.config(), principal);
      return { status: 200, body: { hosts: hostsJson(hosts, daemon, filter) } };
    },
  });
}

function bansEndpoint(daemon: DaemonFacade): Endpoint {
  return endpoint({
    method: 'GET',
    path: '/api/v1/bans',
    summary: 'Bans, active and past, newest first',
    role: 'viewer',
    tenants: 'scoped',
    query: noQuery,
    body: nothing,
    answers: { 200: { description: 'Bans', schema: z.object({ bans: z.array(banSchema) }) } },
    handle: ({ principal }) => {
      const filter = new TenantFilter(daemon.config(), principal);
      return { status: 200, body: { bans: bansJson(daemon.bans(), daemon, filter) } };
    },
  });
}

/** These are for the whole deployment, not for tenants. */
function listEndpoints(daemon: DaemonFacade): Endpoint[] {
  const list = (name: string, summary: string, schema: z.ZodType, body: () => unknown): Endpoint =>
    endpoint({
      method: 'GET',
      path: `/api/v1/${name}`,
      summary,
      role: 'viewer',
      query: noQuery,
      body: nothing,
      answers: { 200: { description: summary, schema } },
      handle: async () => ({ status: 200, body: await body() }),
    });
  return [
    list('peers', "GoBGP's neighbours", z.object({ peers: z.array(peerSchema) }), () => ({
      peers: daemon.peers().map(peerJson),
    })),
    list('exporters', 'Sources of telemetry', z.object({ exporters: z.array(exporterSchema) }), async () => ({
      exporters: (await daemon.ingest()).exporters.map(exporterJson),
    })),
  ];
}

/** Numbers of the requested groups; undefined = all. A tenant sees only its own groups. */
function groupsAsked(filter: TenantFilter, name: string | undefined): readonly number[] | undefined {
  const groups = filter.groups();
  if (name === undefined) return filter.isUnscoped ? undefined : groups.map(({ number }) => number);
  const asked = groups.find(({ group }) => group.name === name);
  if (asked !== undefined) return [asked.number];
  const known = `group: must be one of ${groups.map(({ group }) => group.name).join(', ')}`;
  throw new ApiError(filter.isUnscoped ? 'malformed' : 'forbidden', known);
}
