/*
 * The endpoints that only look.
 */
import { z } from 'zod';
import { ApiError } from './apiError.ts';
import { attacksEndpoint } from './attacksEndpoint.ts';
import type { DaemonView } from './daemonView.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import { METRICS_CONTENT_TYPE, type Metrics } from './metrics.ts';
import { TenantSight } from './tenantSight.ts';
import { trafficEndpoint } from './trafficEndpoint.ts';
import { banSchema, banViews } from './views/banView.ts';
import { exporterSchema, exporterView } from './views/exporterView.ts';
import { hostSchema, hostViews } from './views/hostView.ts';
import { peerSchema, peerView } from './views/peerView.ts';
import { statusSchema, statusView } from './views/statusView.ts';

/** More rows than a person reads or a page shows. */
const MAX_HOSTS = 10_000;

const nothing = z.unknown();
const noQuery = z.strictObject({});

export function readEndpoints(daemon: DaemonView, metrics: Metrics): Endpoint[] {
  return [
    ...openEndpoints(daemon, metrics),
    statusEndpoint(daemon),
    hostsEndpoint(daemon),
    attacksEndpoint(daemon),
    trafficEndpoint(daemon),
    bansEndpoint(daemon),
    ...listEndpoints(daemon),
  ];
}

function openEndpoints(daemon: DaemonView, metrics: Metrics): Endpoint[] {
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

function statusEndpoint(daemon: DaemonView): Endpoint {
  return endpoint({
    method: 'GET',
    path: '/api/v1/status',
    summary: 'The daemon at a glance',
    role: 'viewer',
    tenants: 'scoped',
    query: noQuery,
    body: nothing,
    answers: { 200: { description: 'Status', schema: statusSchema } },
    handle: async ({ asker }) => ({ status: 200, body: await statusView(daemon, asker) }),
  });
}

function hostsEndpoint(daemon: DaemonView): Endpoint {
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
      sort: z.enum(['pps', 'mbps', 'flows_per_sec']).default('pps'),
      group: z.string().optional().describe('name of a hostgroup, or global'),
    }),
    body: nothing,
    answers: { 200: { description: 'Hosts, busiest first', schema: z.object({ hosts: z.array(hostSchema) }) } },
    handle: async ({ query, asker }) => {
      const groups = groupsAsked(new TenantSight(daemon.config(), asker), query.group);
      if (groups?.length === 0) return { status: 200, body: { hosts: [] } };
      const hosts = await daemon.topHosts({ metric: query.sort, limit: query.limit, groups });
      // The config may have changed while the receiving threads were asked.
      const sight = new TenantSight(daemon.config(), asker);
      return { status: 200, body: { hosts: hostViews(hosts, daemon, sight) } };
    },
  });
}

function bansEndpoint(daemon: DaemonView): Endpoint {
  return endpoint({
    method: 'GET',
    path: '/api/v1/bans',
    summary: 'Bans, active and past, newest first',
    role: 'viewer',
    tenants: 'scoped',
    query: noQuery,
    body: nothing,
    answers: { 200: { description: 'Bans', schema: z.object({ bans: z.array(banSchema) }) } },
    handle: ({ asker }) => {
      const sight = new TenantSight(daemon.config(), asker);
      return { status: 200, body: { bans: banViews(daemon.bans(), daemon, sight) } };
    },
  });
}

/** These are about the whole deployment. */
function listEndpoints(daemon: DaemonView): Endpoint[] {
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
      peers: daemon.peers().map(peerView),
    })),
    list('exporters', 'Sources of telemetry', z.object({ exporters: z.array(exporterSchema) }), async () => ({
      exporters: (await daemon.ingest()).exporters.map(exporterView),
    })),
  ];
}

/** Numbers of the groups whose hosts are asked for; undefined = all. A tenant is told of no group but its own. */
function groupsAsked(sight: TenantSight, name: string | undefined): readonly number[] | undefined {
  const groups = sight.groups();
  if (name === undefined) return sight.isUnscoped ? undefined : groups.map(({ number }) => number);
  const asked = groups.find(({ group }) => group.name === name);
  if (asked !== undefined) return [asked.number];
  const known = `group: must be one of ${groups.map(({ group }) => group.name).join(', ')}`;
  throw new ApiError(sight.isUnscoped ? 'malformed' : 'forbidden', known);
}
