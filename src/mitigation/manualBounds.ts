/*
 * The bounds that hold only for bans by hand: how long one may last, and how much of the cap one tenant may use up, so
 * that detection has room left when it needs it.
 */
import type { BanConfig } from '../config/sections/ban.ts';
import type { Ban } from './ban.ts';
import type { GuardVerdict } from './guards.ts';
import type { Scope } from './scope.ts';

/** What the bounds look at in a ban by hand. */
export interface BoundedRequest {
  readonly targetText: string;
  readonly ttlSeconds: number;
  /** The tenant whose token asked; undefined = somebody who may ban every protected host. */
  readonly tenant: string | undefined;
}

/** How long a ban by hand lasts where its operator does not say: as the group's bans, within the bound. */
export function manualTtlSeconds(groupTtlSeconds: number, { maxTtlSeconds }: BanConfig): number {
  return Math.min(groupTtlSeconds, maxTtlSeconds);
}

/** Asks the bounds. `active` are the active bans; one of the same target does not count, since it is replaced. */
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
