/*
 * What became of a ban, as the controller reports it. The room `incidents` joins it with the attack that the ban answers.
 */
import type { Ban } from './ban.ts';
import type { GuardVerdict } from './guards.ts';
import type { PlacementEvent } from './placementWatch.ts';

/** Reported after the decision was saved and the announcer was given the routes. `at` is clock milliseconds. */
export type MitigationEvent = { readonly at: number } /** `verdicts`: what every guard said. */ & (
  | { readonly kind: 'ban_started'; readonly ban: Ban; readonly verdicts: readonly GuardVerdict[] }
  | { readonly kind: 'ban_changed'; readonly change: MethodChangeKind; readonly ban: Ban }
  | { readonly kind: 'ban_ended'; readonly ban: Ban }
  | { readonly kind: 'ban_rejected'; readonly ban: Ban; readonly verdicts: readonly GuardVerdict[] }
  | PlacementEvent
  /** Bans cannot be made durable: new ones are not announced until `store_recovered`. */
  | { readonly kind: 'store_failed'; readonly reason: string }
  | { readonly kind: 'store_recovered' }
);

/** The ban took the next rung, fell back to a blackhole, returned to its own method, has other FlowSpec rules, or follows a new config. */
export type MethodChangeKind = 'rung' | 'fallback' | 'return' | 'rules' | 'config';
