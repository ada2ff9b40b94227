/*
 * The rules only for manual bans: how long one may last, how much of the cap one tenant may use, so that detection has
 * room left when it needs it, and what the operator can do instead of a refused ban.
 */
import type { BanConfig } from '../config/sections/ban.ts';
import type { MitigationMethod } from '../config/sections/mitigation.ts';
import type { Ban, BanPlan, Guard } from './ban.ts';
import type { GuardVerdict } from './guards.ts';
import type { Scope } from './scope.ts';

/** The parts of a manual ban that the bounds check. */
export interface BoundedRequest {
  readonly targetText: string;
  readonly ttlSeconds: number;
  /** The tenant of the token; undefined = the token may ban every protected host. */
  readonly tenant: string | undefined;
}

/** How long a manual ban lasts where the request does not say: as the group's bans, within the bound. */
export function manualTtlSeconds(groupTtlSeconds: number, { maxTtlSeconds }: BanConfig): number {
  return Math.min(groupTtlSeconds, maxTtlSeconds);
}

/** Checks the bounds. `active` are the active bans; one of the same target does not count, because it is replaced. */
export function judgeManualBounds(request: BoundedRequest, active: readonly Ban[], scope: Scope): GuardVerdict[] {
  const { ttlSeconds, tenant } = request;
  const { maxTtlSeconds, maxTenantShare, maxActiveBans } = scope.config.ban;
  const verdicts: GuardVerdict[] = [
    {
      guard: 'max_ttl_seconds',
      ok: ttlSeconds <= maxTtlSeconds,
      reason: `a TTL of ${ttlSeconds} s by hand, at most ${maxTtlSeconds} s allowed`,
    },
  ];
  if (tenant === undefined) return verdicts;
  const groups = new Set(scope.config.groups.filter((group) => group.tenant === tenant).map(({ name }) => name));
  const held = active.filter(({ madeBy, group, targetText }) => {
    return madeBy === 'operator' && groups.has(group) && targetText !== request.targetText;
  }).length;
  // A share of a small cap is still one ban.
  const allowed = Math.max(1, Math.floor(maxTenantShare * maxActiveBans));
  const reason = `tenant ${tenant} has ${held} bans by hand, at most ${allowed} allowed`;
  return [...verdicts, { guard: 'max_tenant_share', ok: held < allowed, reason }];
}

/** The guards that refuse a method and not the target, so that another method may be admitted. */
const METHOD_GUARDS: readonly Guard[] = ['next_hop', 'flowspec_max_rules', 'audience'];

/** The refusal of a manual ban. Where `allow_fallback` could have avoided it, the reason says so. */
export function withAlternative(refusedBy: GuardVerdict, plan: BanPlan, method: MitigationMethod): GuardVerdict {
  const isOfMethod = METHOD_GUARDS.includes(refusedBy.guard) && (method === 'flowspec' || method === 'divert');
  if (!isOfMethod || plan.fallback !== 'none') return refusedBy;
  return { ...refusedBy, reason: `${refusedBy.reason}; with allow_fallback a blackhole would take its place` };
}
