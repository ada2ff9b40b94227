/*
 * The endpoints that change something. They decide nothing: a ban by hand goes through the same guards as a ban for an
 * attack.
 */
import { z } from 'zod';
import { toRfc3339 } from '../clock.ts';
import type { Ban } from '../mitigation/ban.ts';
import { parseFlowspecMatch } from '../mitigation/parseFlowspecMatch.ts';
import type { FlowspecMatch } from '../mitigation/route.ts';
import { type Address, parseAddress } from '../net/address.ts';
import { banSchema } from '../shapes/banJson.ts';
import { timeSchema } from '../shapes/timeJson.ts';
import { ApiError } from './apiError.ts';
import { filteredBanJson } from './bansJson.ts';
import type { DaemonFacade } from './daemonFacade.ts';
import { type Endpoint, endpoint, type Reply } from './endpoint.ts';
import { TenantFilter } from './tenantFilter.ts';

/** A year. A longer filter belongs on the routers. */
const MAX_TTL_SECONDS = 31_536_000;
const MAX_COMMENT_LENGTH = 500;

const errorSchema = z.object({ error: z.string() }).meta({ id: 'Error' });
const noQuery = z.strictObject({});
const noBody = z.strictObject({}).optional();

const pauseSchema = z
  .object({ paused: z.boolean(), since: timeSchema.optional(), by: z.string().optional() })
  .meta({ id: 'Pause' });

const DONE = { result: 'ok', reason: '' } as const;

const addressSchema = z
  .string()
  .max(45, 'must be an IPv4 or IPv6 address')
  .transform((text, context) => {
    const address = parseAddress(text);
    if (address === undefined) context.addIssue('must be an IPv4 or IPv6 address');
    return address ?? z.NEVER;
  });

const matchValue = z.union([z.string(), z.number(), z.array(z.union([z.string(), z.number()]))]);

const matchSchema = z
  .strictObject({
    proto: matchValue.optional().describe('protocol names or numbers'),
    src: z.string().optional().describe('source prefix'),
    src_port: matchValue.optional().describe('ports or ranges "a-b"'),
    dst_port: matchValue.optional().describe('ports or ranges "a-b"'),
    tcp_flags: z
      .union([z.string(), z.array(z.string())])
      .optional()
      .describe('flags that are set, or clear with "!": "syn,!ack"'),
    fragment: z.boolean().optional(),
    packet_length: matchValue.optional().describe('bytes, or ranges "a-b"'),
    icmp_type: matchValue.optional(),
    dscp: matchValue.optional(),
  })
  .meta({
    id: 'FlowspecMatch',
    description: 'Which part of the traffic to the target is meant; every field must match.',
  });

const banRequestSchema = z.strictObject({
  ip: addressSchema,
  ttl_seconds: z
    .number()
    .int()
    .min(1)
    .max(MAX_TTL_SECONDS)
    .optional()
    .describe("default: the group's; at most ban.max_ttl_seconds"),
  method: z
    .enum(['blackhole', 'flowspec', 'divert'])
    .optional()
    .describe("default: flowspec with a match, else the group's"),
  match: matchSchema.optional(),
  allow_fallback: z
    .boolean()
    .optional()
    .describe('a blackhole may take the place of FlowSpec or divert; without it such a ban is refused'),
  comment: z
    .string()
    .max(MAX_COMMENT_LENGTH)
    .regex(/^[^\p{Cc}]*$/u, 'must not contain control characters')
    .optional(),
});

const reloadSchema = z.object({ reloaded: z.literal(true), dry_run: z.boolean() }).meta({ id: 'Reload' });

export function mutationEndpoints(daemon: DaemonFacade): Endpoint[] {
  return [
    banEndpoint(daemon),
    unbanEndpoint(daemon),
    pauseEndpoint(daemon),
    resumeEndpoint(daemon),
    reloadEndpoint(daemon),
  ];
}

function banEndpoint(daemon: DaemonFacade): Endpoint {
  return endpoint({
    method: 'POST',
    path: '/api/v1/ban',
    summary: 'Ban an address by hand',
    role: 'operator',
    action: 'ban',
    tenants: 'scoped',
    query: noQuery,
    body: banRequestSchema,
    answers: {
      200: { description: 'The ban', schema: banSchema },
      409: { description: 'Refused by a safety rule', schema: banSchema.extend({ error: z.string() }) },
    },
    handle: async ({ body, principal }) => {
      const filter = new TenantFilter(daemon.config(), principal);
      filter.requireTarget(body.ip);
      if (body.match?.src !== undefined) filter.requireSourceMatch();
      const match = matchOf(body.match, body.method, body.ip);
      const ban = await daemon.ban({
        target: body.ip,
        ttlSeconds: body.ttl_seconds,
        method: match === undefined ? body.method : 'flowspec',
        match,
        allowFallback: body.allow_fallback ?? false,
        comment: body.comment,
        operator: principal.name,
        ...(principal.tenant === undefined ? {} : { tenant: principal.tenant }),
      });
      return banReply(ban, daemon, filter);
    },
  });
}

function matchOf(
  match: z.infer<typeof matchSchema> | undefined,
  method: string | undefined,
  target: Address,
): FlowspecMatch | undefined {
  if (match === undefined) return undefined;
  if (method !== undefined && method !== 'flowspec') {
    throw new ApiError('malformed', `match: only with method "flowspec", not "${method}"`);
  }
  const parsed = parseFlowspecMatch(match, target);
  if (typeof parsed === 'string') throw new ApiError('malformed', parsed);
  return parsed;
}

function banReply(ban: Ban, daemon: DaemonFacade, filter: TenantFilter): Reply {
  const json = filteredBanJson(ban, daemon, filter);
  const code = ban.rejectedBy ?? ban.endedBy?.code ?? '';
  const outcome = { reason: ban.reason, code, banState: ban.state, dryRun: ban.dryRun };
  if (ban.state === 'rejected') {
    return { status: 409, body: { ...json, error: json.reason }, outcome: { ...outcome, result: 'rejected' } };
  }
  return { status: 200, body: json, outcome: { ...outcome, result: ban.state } };
}

function unbanEndpoint(daemon: DaemonFacade): Endpoint {
  return endpoint({
    method: 'POST',
    path: '/api/v1/unban',
    summary: 'End the active ban of an address',
    role: 'operator',
    action: 'unban',
    tenants: 'scoped',
    query: noQuery,
    body: z.strictObject({ ip: addressSchema }),
    answers: {
      200: { description: 'The ban', schema: banSchema },
      404: { description: 'No ban of the address is active', schema: errorSchema },
    },
    handle: async ({ body, principal }) => {
      const filter = new TenantFilter(daemon.config(), principal);
      filter.requireTarget(body.ip);
      const ban = await daemon.unban(body.ip, principal.name);
      if (ban === undefined) throw new ApiError('not_found', 'no ban of this address is active');
      return banReply(ban, daemon, filter);
    },
  });
}

function pauseEndpoint(daemon: DaemonFacade): Endpoint {
  return endpoint({
    method: 'POST',
    path: '/api/v1/pause',
    summary: 'Withdraw every route and announce none until resume; detection, bans and notifications continue',
    role: 'operator',
    action: 'pause',
    query: noQuery,
    body: noBody,
    answers: { 200: { description: 'Paused', schema: pauseSchema } },
    handle: ({ principal }) => {
      const { since, by } = daemon.pause(principal.name);
      return { status: 200, body: { paused: true, since: toRfc3339(since), by }, outcome: DONE };
    },
  });
}

function resumeEndpoint(daemon: DaemonFacade): Endpoint {
  return endpoint({
    method: 'POST',
    path: '/api/v1/resume',
    summary: 'Announce the routes of all active bans again',
    role: 'operator',
    action: 'resume',
    query: noQuery,
    body: noBody,
    answers: { 200: { description: 'Not paused any more', schema: pauseSchema } },
    handle: ({ principal }) => {
      daemon.resume(principal.name);
      return { status: 200, body: { paused: false }, outcome: DONE };
    },
  });
}

function reloadEndpoint(daemon: DaemonFacade): Endpoint {
  return endpoint({
    method: 'POST',
    path: '/api/v1/config/reload',
    summary: 'Read the config file again and apply it, all or nothing',
    role: 'operator',
    action: 'config_reload',
    query: noQuery,
    body: noBody,
    answers: {
      200: { description: 'Applied', schema: reloadSchema },
      400: {
        description: 'Refused; the running config stays',
        schema: errorSchema.extend({ errors: z.array(z.string()) }),
      },
    },
    handle: async () => {
      const outcome = await daemon.reload();
      if (!outcome.reloaded) {
        const errors = [...outcome.errors];
        throw new ApiError('malformed', `not reloaded: ${errors.join('; ')}`, { errors });
      }
      const { dryRun } = outcome;
      return {
        status: 200,
        body: { reloaded: true, dry_run: dryRun },
        outcome: { result: 'ok', reason: '', dryRun },
      };
    },
  });
}
