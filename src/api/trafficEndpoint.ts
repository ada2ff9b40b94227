/*
 * `GET /api/v1/traffic`: stored traffic of a host or a group over time.
 */
import { z } from 'zod';
import { toRfc3339 } from '../clock.ts';
import { parseAddress } from '../net/address.ts';
import { totalRatesSchema } from '../shapes/ratesJson.ts';
import { MAX_POINTS, type TrafficPoint, type TrafficQuery } from '../storage/history/historyStore.ts';
import { ApiError } from './apiError.ts';
import type { DaemonFacade } from './daemonFacade.ts';
import { type Endpoint, endpoint, integerParameter, targetParameter, timeParameter } from './endpoint.ts';
import { TenantFilter } from './tenantFilter.ts';

/** Points to return where no step was given; a screen shows no more. */
const USUAL_POINTS = 1000;

const DEFAULT_SPAN_MS = 3_600_000;
const MAX_STEP_SECONDS = 31_536_000;

const querySchema = z.strictObject({
  target: targetParameter,
  group: z.string().max(64).optional().describe('name of a hostgroup, or global; instead of target'),
  from: timeParameter.describe('RFC 3339; an hour before "to" if absent'),
  to: timeParameter.describe('RFC 3339; now if absent'),
  step: integerParameter(1, MAX_STEP_SECONDS)
    .optional()
    .describe('seconds a point; rounded up to a multiple of the interval that is stored'),
});

const trafficSchema = z
  .object({
    target: z.string().optional(),
    group: z.string().optional(),
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    step: z.number().int().describe('seconds'),
    points: z
      .array(z.object({ time: z.iso.datetime(), mean: totalRatesSchema, peak: totalRatesSchema }))
      .describe('oldest first; steps without traffic are left out'),
  })
  .meta({ id: 'Traffic' });

export function trafficEndpoint(daemon: DaemonFacade): Endpoint {
  return endpoint({
    method: 'GET',
    path: '/api/v1/traffic',
    summary: 'Stored rates of one host or group over time',
    role: 'viewer',
    tenants: 'scoped',
    query: querySchema,
    body: z.unknown(),
    answers: { 200: { description: 'Mean and peak of each step', schema: trafficSchema } },
    handle: async ({ query, principal, now }) => {
      const asked = trafficQuery(query, daemon, new TenantFilter(daemon.config(), principal), now);
      const points = await daemon.pastTraffic(asked);
      return {
        status: 200,
        body: {
          [asked.scope === 'host' ? 'target' : 'group']: asked.target,
          from: toRfc3339(asked.from),
          to: toRfc3339(asked.to),
          step: asked.stepSeconds,
          points: points.map(pointJson),
        },
      };
    },
  });
}

function trafficQuery(
  query: z.infer<typeof querySchema>,
  daemon: DaemonFacade,
  filter: TenantFilter,
  now: number,
): TrafficQuery {
  const { target, group } = query;
  const asked = target ?? group;
  if (asked === undefined || (target !== undefined && group !== undefined)) {
    throw new ApiError('malformed', 'one of target and group must be given');
  }
  if (target !== undefined) {
    const address = parseAddress(target);
    if (address !== undefined) filter.requireTarget(address);
  } else if (!filter.seesGroup(asked)) {
    throw new ApiError('forbidden', "this group does not belong to the token's tenant");
  }
  const to = query.to ?? Math.floor(now);
  const from = query.from ?? to - DEFAULT_SPAN_MS;
  if (from >= to) throw new ApiError('malformed', 'from: must be before to');
  const { storage } = daemon.config();
  const interval = (storage.clickhouse ?? storage).trafficIntervalSeconds;
  const wished = query.step ?? (to - from) / 1000 / USUAL_POINTS;
  const stepSeconds = interval * Math.max(1, Math.ceil(wished / interval));
  if ((to - from) / 1000 / stepSeconds > MAX_POINTS) {
    throw new ApiError('malformed', `step: must be so large that there are at most ${MAX_POINTS} points`);
  }
  return {
    scope: target === undefined ? 'group' : 'host',
    target: asked,
    from,
    to,
    stepSeconds,
    tenant: filter.tenant,
  };
}

function pointJson({ time, mean, peak }: TrafficPoint) {
  return { time: toRfc3339(time), mean, peak };
}
