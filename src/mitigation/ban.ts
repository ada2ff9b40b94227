/*
 * A ban: the decision to mitigate one address, from its request to its end. It is plain data, so that a model can drive
 * the state machine and the store can write it as it is. Times are clock milliseconds.
 */
import type { EscalationRung, MitigationMethod } from '../config/sections/mitigation.ts';
import type { Address } from '../net/address.ts';
import type { Metric } from '../trafficMetrics.ts';
import type { Route } from './route.ts';

/** `active` is wanted in the RIB (or, in dry-run, would be); the other two are final. */
export type BanState = 'active' | 'withdrawn' | 'rejected';

/** The safety guards of every ban, by name; `guards.ts` has their rules. */
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

/** Name of an operator where the API needs no token. */
export const ANONYMOUS = 'anonymous';

/** An operator in a sentence. */
export function operatorText(name: string): string {
  return name === ANONYMOUS ? 'an operator' : name;
}

/** Who made a ban: the detector, for an attack it found, or an operator. */
export type BanMaker = 'attack' | 'operator';

/** Why a ban ended. */
export const BAN_END_CODES = [
  'attack_ended',
  'ttl_expired',
  'unbanned',
  'replaced',
  'whitelisted',
  'network_removed',
  'cap_lowered',
  'config_changed',
  'harmful',
  'dry_run_changed',
  'shutdown',
] as const;

export type BanEndCode = (typeof BAN_END_CODES)[number];

/** Programs go by the code; the detail is a sentence for people and is also the ban's `reason`. */
export interface BanEnd {
  readonly code: BanEndCode;
  readonly detail: string;
}

export interface Ban {
  readonly id: string;
  readonly target: Address;
  /** Canonical text of the target. */
  readonly targetText: string;
  /** Name of the group that owns the target by the config in force; of an ended ban, by that of its time. */
  readonly group: string;
  readonly state: BanState;
  readonly dryRun: boolean;
  readonly madeBy: BanMaker;

  readonly startedAt: number;
  /** Ends the ban unless the attack is still being seen; moves on while it is. */
  readonly expiresAt: number;
  readonly withdrawnAt: number | undefined;
  /** Why it was refused or withdrawn, for a person; empty while active. */
  readonly reason: string;
  /** The guard that refused it; undefined unless rejected. */
  readonly rejectedBy: Guard | undefined;
  /** Undefined unless withdrawn. */
  readonly endedBy: BanEnd | undefined;

  /** The attack this answers; undefined for a ban by hand. */
  readonly attackId: string | undefined;
  /** When that attack was last seen to cross a limit; undefined for a ban by hand. */
  readonly lastSeenAt: number | undefined;
  readonly metric: Metric | undefined;
  readonly rate: number | undefined;
  readonly threshold: number | undefined;

  /** The method in force. */
  readonly method: MitigationMethod;
  /**
   * What is to be announced now: the plan's routes of the method in force. Empty for method `none` and rejected bans.
   */
  readonly routes: readonly Route[];
  /** Rung of the ladder in force, from 0; undefined without a ladder. */
  readonly escalationStep: number | undefined;
  /** The method that would be in force if it could be announced. */
  readonly fellBackFrom: MitigationMethod | undefined;
  readonly fellBackReason: string | undefined;

  /** Of a ban by hand, like `operator`. */
  readonly comment: string | undefined;
  /** Name of the token, or `cli`, that asked. */
  readonly operator: string | undefined;

  readonly plan: BanPlan;
}

/**
 * All a ban may do by the config in force. It is stored with the ban, so that a restarted Kapkan, which has lost the
 * sample the rules were made from, can still climb. After a reload it is made anew, see `planAfterReload`.
 */
export interface BanPlan {
  /** Without a live attack the ban ends this long after it started or after the attack was last seen. */
  readonly ttlSeconds: number;
  /** Quiet time before the attack ends; a ban never ends by its TTL before the attack was quiet for this long. */
  readonly unbanHysteresisSeconds: number;
  /** What takes the place of FlowSpec or divert where they cannot be announced. */
  readonly fallback: 'blackhole' | 'none';
  /** Empty without a ladder. Ascending; the first at 0 seconds. */
  readonly ladder: readonly EscalationRung[];
  /** When the rungs began to count: the start of the attack. */
  readonly ladderStartedAt: number;
  /** What each method would announce; empty where the config has no next hop for the family. */
  readonly routes: { readonly [method in MitigationMethod]: readonly Route[] };
  /**
   * Share of the attack's sample that the FlowSpec rules match though it is not the attack, 0–1; undefined without a
   * sample.
   */
  readonly collateralShare: number | undefined;
}
