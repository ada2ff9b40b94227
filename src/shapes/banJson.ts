/*
 * A ban in JSON, with its FlowSpec rules and the evidence of where its routes are. A field that does not apply is
 * absent, not null.
 */
import { z } from 'zod';
import { toRfc3339 } from '../clock.ts';
import type { RouteEvidence } from '../mitigation/announcer.ts';
import { ALL_GUARDS, BAN_END_CODES, type Ban } from '../mitigation/ban.ts';
import {
  type FlowspecRoute,
  flowspecParts,
  flowspecText,
  type Route,
  routeSummary,
  type UnicastRoute,
} from '../mitigation/route.ts';
import { hostPrefix } from '../net/prefix.ts';
import { METRICS } from '../trafficMetrics.ts';
import { roundRate } from './ratesJson.ts';
import { optionalTime, timeSchema } from './timeJson.ts';

export const methodSchema = z.enum(['blackhole', 'flowspec', 'divert', 'none']).meta({ id: 'Method' });
export const banStateSchema = z.enum(['active', 'withdrawn', 'rejected']).meta({ id: 'BanState' });

const list = z.string().optional();

/**
 * A FlowSpec rule in JSON. Each part is written as in the manual match, so a rule can be copied into the `match` of a
 * ban.
 */
export const flowspecSchema = z
  .object({
    text: z.string().describe('the whole rule in one line'),
    dst: z.string().optional().describe('prefix'),
    src: z.string().optional().describe('prefix'),
    proto: list.describe('names or numbers, separated by commas'),
    src_port: list.describe('ports and ranges "a-b", separated by commas; also the next'),
    dst_port: list,
    icmp_type: list,
    tcp_flags: list.describe('flags that are set, or clear with "!": "syn,!ack"'),
    fragment: z.boolean().optional(),
    packet_length: list.describe('bytes, and ranges "a-b"'),
    dscp: list,
    action: z.enum(['discard', 'rate_limit']),
    rate_bytes: z.number().describe('bytes a second (RFC 8955 §7.1); 0 discards'),
  })
  .meta({ id: 'FlowspecRule', description: 'RFC 8955. What is absent matches everything.' });

export type FlowspecJson = z.infer<typeof flowspecSchema>;

/** The FlowSpec rules among the routes, in their order. */
export function flowspecJson(routes: readonly Route[]): FlowspecJson[] {
  return routes.filter((route) => route.kind === 'flowspec').map(ruleJson);
}

function ruleJson(route: FlowspecRoute): FlowspecJson {
  const parts = flowspecParts(route.match);
  return {
    text: flowspecText(route),
    dst: parts.dst,
    src: parts.src,
    proto: parts.proto,
    src_port: parts['src-port'],
    dst_port: parts['dst-port'],
    icmp_type: parts['icmp-type'],
    tcp_flags: parts['tcp-flags'],
    fragment: route.match.fragment ? true : undefined,
    packet_length: parts['packet-length'],
    dscp: parts.dscp,
    action: route.rateBytesPerSecond === 0 ? 'discard' : 'rate_limit',
    rate_bytes: route.rateBytesPerSecond,
  };
}

/** The evidence of where a ban's routes are, in JSON: in GoBGP's RIB or not, and sent to which peers. */
const ribEvidenceSchema = z
  .object({
    installed: z.boolean().describe("every route of the ban was in GoBGP's RIB when last looked"),
    confirmed_at: timeSchema.optional(),
    pending_since: timeSchema.optional().describe('since when a route is wanted and not seen'),
    held_back: z.string().optional().describe('why it is not announced on purpose: announcements are paused'),
    last_error: z.string().optional(),
    advertised_to: z.array(z.string()).optional().describe('peers that were sent every route of the ban'),
    not_advertised_to: z.array(z.object({ peer: z.string(), why: z.string() })).optional(),
  })
  .meta({ id: 'RibEvidence', description: 'A token with a tenant sees no peers and no errors of GoBGP.' });

export type RibEvidenceJson = z.infer<typeof ribEvidenceSchema>;

/** Where a ban has several routes, its evidence is that of the weakest one. */
export function ribEvidenceJson(routes: readonly RouteEvidence[]): RibEvidenceJson {
  const confirmed = routes.map(({ confirmedAt }) => confirmedAt ?? Number.NaN);
  const pending = routes.flatMap(({ pendingSince }) => (pendingSince === undefined ? [] : [pendingSince]));
  const missedBy = new Map<string, string>();
  for (const { peer, why } of routes.flatMap(({ notAdvertisedTo }) => notAdvertisedTo)) missedBy.set(peer, why);
  const sentTo = new Set(routes.flatMap(({ advertisedTo }) => advertisedTo));
  const oldest = Math.min(...confirmed);
  return {
    installed: routes.every(({ installed }) => installed),
    confirmed_at: Number.isNaN(oldest) ? undefined : toRfc3339(oldest),
    pending_since: pending.length === 0 ? undefined : toRfc3339(Math.min(...pending)),
    held_back: routes.find(({ heldBack }) => heldBack !== undefined)?.heldBack,
    last_error: routes.find(({ lastError }) => lastError !== undefined)?.lastError,
    advertised_to: [...sentTo].filter((peer) => routes.every(({ advertisedTo }) => advertisedTo.includes(peer))),
    not_advertised_to: [...missedBy].map(([peer, why]) => ({ peer, why })),
  };
}

export const banSchema = z
  .object({
    id: z.string(),
    target: z.string().describe('the address, canonical'),
    prefix: z.string(),
    group: z.string(),
    metric: z.enum(METRICS).optional(),
    rate: z.number().optional(),
    threshold: z.number().optional(),
    next_hop: z.string().optional(),
    community: z.string().optional().describe('communities of the route, separated by spaces'),
    local_pref: z.number().int().optional(),
    route: z.string().optional(),
    state: banStateSchema,
    dry_run: z.boolean(),
    manual: z.boolean().describe('made by an operator, not for an attack'),
    started_at: timeSchema,
    expires_at: timeSchema,
    withdrawn_at: timeSchema.optional(),
    reason: z.string().describe('why it was refused or ended, for a person; empty while active'),
    rejected_by: z.enum(ALL_GUARDS).optional().describe('the safety rule that refused it'),
    ended_by: z.enum(BAN_END_CODES).optional().describe('what ended it'),
    method: methodSchema,
    flowspec: z.array(flowspecSchema).describe('empty for other methods'),
    collateral_share: z
      .number()
      .optional()
      .describe("share of the attack's sample that the FlowSpec rules match though it is not the attack"),
    escalation: z.array(z.object({ after_seconds: z.number(), action: methodSchema })).optional(),
    escalation_step: z.number().int().optional(),
    fell_back_from: methodSchema.optional(),
    fell_back_reason: z.string().optional(),
    comment: z.string().optional(),
    operator: z.string().optional(),
    attack_id: z.string().optional().describe('the attack that it answers'),
    rib: ribEvidenceSchema.optional().describe('absent where a newer ban of the same target owns the evidence'),
  })
  .meta({ id: 'Ban' });

export type BanJson = z.infer<typeof banSchema>;

/** `rib` is undefined where the ban has no routes, or no evidence of its own. */
export function banJson(ban: Ban, rib: RibEvidenceJson | undefined): BanJson {
  const unicast = ban.routes.find((route): route is UnicastRoute => route.kind === 'unicast');
  const { ladder } = ban.plan;
  return {
    id: ban.id,
    target: ban.targetText,
    prefix: hostPrefix(ban.target).text,
    group: ban.group,
    metric: ban.metric,
    rate: ban.rate === undefined ? undefined : roundRate(ban.rate),
    threshold: ban.threshold,
    next_hop: unicast?.nextHop || undefined,
    community: unicast?.communities.map(({ text }) => text).join(' ') || undefined,
    local_pref: unicast?.localPref,
    route: ban.routes.length === 0 ? undefined : routeSummary(ban),
    state: ban.state,
    dry_run: ban.dryRun,
    manual: ban.madeBy === 'operator',
    started_at: toRfc3339(ban.startedAt),
    expires_at: toRfc3339(ban.expiresAt),
    withdrawn_at: optionalTime(ban.withdrawnAt),
    reason: ban.reason,
    rejected_by: ban.rejectedBy,
    ended_by: ban.endedBy?.code,
    method: ban.method,
    flowspec: flowspecJson(ban.routes),
    collateral_share: ban.plan.collateralShare === undefined ? undefined : roundRate(ban.plan.collateralShare),
    escalation:
      ladder.length === 0
        ? undefined
        : ladder.map((rung) => ({ after_seconds: rung.afterSeconds, action: rung.action })),
    escalation_step: ban.escalationStep,
    fell_back_from: ban.fellBackFrom,
    fell_back_reason: ban.fellBackReason,
    comment: ban.comment,
    operator: ban.operator,
    attack_id: ban.attackId,
    rib,
  };
}
