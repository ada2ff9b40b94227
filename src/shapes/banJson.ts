/*
 * A ban in JSON. What does not apply is absent, not null.
 */
import { z } from 'zod';
import { toRfc3339 } from '../clock.ts';
import { BAN_END_CODES, type Ban } from '../mitigation/ban.ts';
import { ALL_GUARDS } from '../mitigation/guard.ts';
import type { UnicastRoute } from '../mitigation/route.ts';
import { routeSummary } from '../mitigation/routeText.ts';
import { hostPrefix } from '../net/prefix.ts';
import { METRICS } from '../trafficMetrics.ts';
import { flowspecJson, flowspecSchema } from './flowspecJson.ts';
import { roundRate } from './ratesJson.ts';
import { type RibEvidenceJson, ribEvidenceSchema } from './ribEvidenceJson.ts';
import { optionalTime, timeSchema } from './timeJson.ts';

export const methodSchema = z.enum(['blackhole', 'flowspec', 'divert', 'none']).meta({ id: 'Method' });
export const banStateSchema = z.enum(['active', 'withdrawn', 'rejected']).meta({ id: 'BanState' });

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
