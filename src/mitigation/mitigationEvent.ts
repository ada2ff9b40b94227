/*
 * What the controller tells the rest of the house: notifications, the event stream, the audit and the log hang on it.
 */
import type { Ban } from './ban.ts';
import type { Guard } from './guard.ts';

/** Told after the decision was saved and the announcer was handed it. `at` is clock milliseconds. */
export type MitigationEvent = { readonly at: number } & (
  | { readonly kind: 'ban_started'; readonly ban: Ban }
  /** It climbed, came back to its method, or was replaced on the spot. */
  | { readonly kind: 'ban_changed'; readonly ban: Ban }
  | { readonly kind: 'fell_back'; readonly ban: Ban }
  | { readonly kind: 'ban_ended'; readonly ban: Ban }
  | { readonly kind: 'ban_rejected'; readonly ban: Ban; readonly guard: Guard }
  /** Wanted for a while and still in no RIB; once for each time. */
  | { readonly kind: 'ban_failed'; readonly ban: Ban; readonly reason: string }
  /** Bans cannot be made durable: new ones are not announced until `store_recovered`. */
  | { readonly kind: 'store_failed'; readonly reason: string }
  | { readonly kind: 'store_recovered' }
);
