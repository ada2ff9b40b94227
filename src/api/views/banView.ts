/*
 * A ban as the API shows it, with the evidence of where its routes are. What does not apply is absent, not null.
 */
import { z } from 'zod';
import { toRfc3339 } from '../../clock.ts';
import { METRICS } from '../../config/thresholds.ts';
import type { RouteEvidence } from '../../mitigation/announcer.ts';
import type { Ban } from '../../mitigation/ban.ts';
import type { Route, UnicastRoute } from '../../mitigation/route.ts';
import { flowspecText, routeKey, routeSummary } from '../../mitigation/routeText.ts';
import { hostPrefix } from '../../net/prefix.ts';
import type { DaemonView } from '../daemonView.ts';
import type { TenantSight } from '../tenantSight.ts';
import { roundRate } from './ratesView.ts';
import { tenantReason } from './tenantReason.ts';

export const methodSchema = z.enum(['blackhole', 'flowspec', 'divert', 'none']).meta({ id: 'Method' });
export const banStateSchema = z.enum(['active', 'withdrawn', 'rejected']).meta({ id: 'BanState' });
export const timeSchema = z.iso.datetime().meta({ id: 'Time', description: 'RFC 3339, UTC.' });

const ribSchema = z
  .object({
    installed: z.boolean().describe("every route of the ban was in GoBGP's RIB when last looked"),
    confirmed_at: timeSchema.optional(),
    pending_since: timeSchema.optional().describe('since when a route is wanted and not seen'),
    last_error: z.string().optional(),
    advertised_to: z.array(z.string()).optional().describe('peers that were sent every route of the ban'),
    not_advertised_to: z.array(z.object({ peer: z.string(), why: z.string() })).optional(),
  })
  .meta({ id: 'RibEvidence', description: 'A token with a tenant sees no peers and no errors of GoBGP.' });

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
    manual: z.boolean(),
    started_at: timeSchema,
    expires_at: timeSchema,
    withdrawn_at: timeSchema.optional(),
    reason: z.string().describe('why it was refused or withdrawn; empty while active'),
    method: methodSchema,
    flowspec: z.array(z.string()).describe('one rule each; empty for other methods'),
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
    attack_id: z.string().optional(),
    rib: ribSchema.optional().describe('absent where a newer ban of the same target owns the evidence'),
  })
  .meta({ id: 'Ban' });

export type BanView = z.infer<typeof banSchema>;
type RibView = z.infer<typeof ribSchema>;

/** One ban, the newest of its target. */
export function banView(ban: Ban, daemon: DaemonView, sight: TenantSight): BanView {
  const view = { ...plainBanView(ban), rib: evidenceOf(ban, daemon) };
  return sight.isUnscoped ? view : tenantBanView(view, ban, sight);
}

/**
 * Those that the asker may see, newest first. Evidence is kept by route, and bans of one target share routes, so only the newest one that
 * was not refused can claim it.
 */
export function banViews(bans: readonly Ban[], daemon: DaemonView, sight: TenantSight): BanView[] {
  const claimed = new Set<string>();
  const seen = bans.filter((ban) => sight.seesBan(ban));
  return seen.map((ban) => {
    const isNewest = ban.state !== 'rejected' && !claimed.has(ban.targetText);
    if (isNewest) claimed.add(ban.targetText);
    const view = banView(ban, daemon, sight);
    return isNewest ? view : { ...view, rib: undefined };
  });
}

/** Without limits, peers and errors of the whole deployment, and without what another tenant said of the ban. */
function tenantBanView(view: BanView, ban: Ban, sight: TenantSight): BanView {
  const isOwn = sight.seesGroup(ban.group);
  return {
    ...view,
    group: isOwn ? ban.group : sight.ownerOf(ban.target),
    reason: tenantReason(ban.reason),
    fell_back_reason: undefined,
    comment: isOwn ? ban.comment : undefined,
    operator: isOwn ? ban.operator : undefined,
    rib: view.rib && { ...view.rib, last_error: undefined, advertised_to: undefined, not_advertised_to: undefined },
  };
}

export function flowspecTexts(routes: readonly Route[]): string[] {
  return routes.filter((route) => route.kind === 'flowspec').map(flowspecText);
}

function plainBanView(ban: Ban): BanView {
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
    method: ban.method,
    flowspec: flowspecTexts(ban.routes),
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
  };
}

function evidenceOf(ban: Ban, daemon: DaemonView): RibView | undefined {
  if (ban.state === 'rejected' || ban.routes.length === 0) return undefined;
  return ribView(ban.routes.map((route) => daemon.evidence(routeKey(route), ban.dryRun)));
}

/** The evidence of a ban of several routes is that of its weakest one. */
export function ribView(routes: readonly RouteEvidence[]): RibView {
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
    last_error: routes.find(({ lastError }) => lastError !== undefined)?.lastError,
    advertised_to: [...sentTo].filter((peer) => routes.every(({ advertisedTo }) => advertisedTo.includes(peer))),
    not_advertised_to: [...missedBy].map(([peer, why]) => ({ peer, why })),
  };
}

export function optionalTime(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : toRfc3339(ms);
}
