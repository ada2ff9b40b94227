/*
 * The names of the safety guards. `guards.ts` has the rules behind them.
 */

/** The guards of every ban. */
export const GUARDS = [
  'scope',
  'whitelist',
  'max_active_bans',
  'max_banned_fraction',
  'max_bans_per_window',
  'harmless',
  'next_hop',
  'flowspec_max_rules',
  'audience',
] as const;

/** Further guards of a ban by hand. */
const MANUAL_GUARDS = ['max_ttl_seconds', 'max_tenant_share'] as const;

/** All names of guards, as they are counted and shown. */
export const ALL_GUARDS = [...GUARDS, ...MANUAL_GUARDS] as const;

export type Guard = (typeof ALL_GUARDS)[number];
