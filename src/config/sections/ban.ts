/*
 * `ban`: the bounds of everything that is announced, for the whole file and for a hostgroup.
 */
import * as z from 'zod';
import { choice, integer, MAX_DURATION_SECONDS, positiveUpTo, seconds } from '../fields.ts';
import { defineSection, type FileOf } from '../section.ts';

const banKeys = {
  ttl_seconds: seconds().describe('Every announcement ends after this time, unless the attack continues'),
  unban_hysteresis_seconds: seconds().describe('Time below all limits after which an attack has ended'),
  max_active_bans: integer(1, 1_000_000).describe('Most bans at once'),
  max_banned_fraction: positiveUpTo(1).describe(
    'Largest share of the protected addresses of one family banned at once',
  ),
  max_bans_per_window: integer(1, 1_000_000).describe('Most new bans within ban_window_seconds'),
  ban_window_seconds: seconds().describe('Window of max_bans_per_window'),
  fallback: choice(['blackhole', 'none']).describe(
    'What is announced when FlowSpec or divert can be announced to no peer',
  ),
};

const banSchema = z
  .strictObject({
    ttl_seconds: banKeys.ttl_seconds,
    unban_hysteresis_seconds: banKeys.unban_hysteresis_seconds.default(60),
    max_active_bans: banKeys.max_active_bans,
    max_banned_fraction: banKeys.max_banned_fraction.optional(),
    max_bans_per_window: banKeys.max_bans_per_window.optional(),
    ban_window_seconds: banKeys.ban_window_seconds.default(60),
    fallback: banKeys.fallback.default('blackhole'),
    on_shutdown: choice(['keep', 'withdraw'])
      .default('keep')
      .describe('keep leaves the routes in GoBGP for the next start to adopt, withdraw removes them'),
    max_ttl_seconds: seconds(1, MAX_DURATION_SECONDS)
      .default(604_800)
      .describe('Longest time that a ban by hand lasts'),
    max_tenant_share: positiveUpTo(1)
      .default(0.5)
      .describe("Largest share of max_active_bans that the bans by hand of one tenant's tokens may use"),
  })
  .describe('Bounds of everything announced');

export const groupBanSchema = z
  .strictObject(banKeys)
  .partial()
  .describe('Bounds for this group; the caps count its own bans and hold beside the global ones');

const keys = { ban: banSchema };

type BanFile = FileOf<typeof keys>;

/** Caps on active bans; Infinity or 1 = no cap. */
export interface BanLimits {
  readonly maxActiveBans: number;
  /** Share of the protected addresses of one family that may be banned at once, 0–1. */
  readonly maxBannedFraction: number;
  readonly maxBansPerWindow: number;
  readonly banWindowSeconds: number;
}

/** What holds for all bans together. */
export interface BanConfig extends BanLimits {
  readonly onShutdown: 'keep' | 'withdraw';
  /** Of a ban by hand. */
  readonly maxTtlSeconds: number;
  /** Share of `maxActiveBans` for the bans by hand of one tenant, above 0 and at most 1. */
  readonly maxTenantShare: number;
}

/** What holds for the bans of one group. */
export interface GroupBanConfig {
  readonly ttlSeconds: number;
  readonly unbanHysteresisSeconds: number;
  readonly fallback: 'blackhole' | 'none';
  /** The group's own caps, beside the global ones; all off where the group states none. */
  readonly limits: BanLimits;
}

/** Inherited key by key, except for the caps: those of the whole file count all bans already. */
export function resolveGroupBan(
  global: BanFile['ban'],
  own: z.output<typeof groupBanSchema> | undefined,
): GroupBanConfig {
  return {
    ttlSeconds: own?.ttl_seconds ?? global.ttl_seconds,
    unbanHysteresisSeconds: own?.unban_hysteresis_seconds ?? global.unban_hysteresis_seconds,
    fallback: own?.fallback ?? global.fallback,
    limits: resolveLimits({ ...own, ban_window_seconds: own?.ban_window_seconds ?? global.ban_window_seconds }),
  };
}

function resolveLimits(ban: z.output<typeof groupBanSchema> & Pick<BanFile['ban'], 'ban_window_seconds'>): BanLimits {
  return {
    maxActiveBans: ban.max_active_bans ?? Number.POSITIVE_INFINITY,
    maxBannedFraction: ban.max_banned_fraction ?? 1,
    maxBansPerWindow: ban.max_bans_per_window ?? Number.POSITIVE_INFINITY,
    banWindowSeconds: ban.ban_window_seconds,
  };
}

export const banSection = defineSection({
  keys,
  rules: [],
  resolve: ({ ban }: BanFile): { readonly ban: BanConfig } => {
    const { on_shutdown: onShutdown, max_ttl_seconds: maxTtlSeconds, max_tenant_share: maxTenantShare } = ban;
    return { ban: { ...resolveLimits(ban), onShutdown, maxTtlSeconds, maxTenantShare } };
  },
  reload: 'live',
});
