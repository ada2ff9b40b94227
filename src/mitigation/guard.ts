/*
 * The names of the safety guards. `guards.ts` has the rules behind them.
 */

/** Names of the guards, as they are counted and shown. */
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

export type Guard = (typeof GUARDS)[number];
