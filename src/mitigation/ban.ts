/*
 * A ban: the decision to mitigate one address, from the moment it was asked for to its end. It is plain data, so that
 * the state machine can be driven by a model and the store can write it as it stands. Times are clock milliseconds.
 */
import type { MitigationMethod } from '../config/config.ts';
import type { Metric } from '../config/thresholds.ts';
import type { Address } from '../net/address.ts';
import type { Route } from './route.ts';

/** `active` is wanted in the RIB (or, in dry-run, would be); the other two are final. */
export type BanState = 'active' | 'withdrawn' | 'rejected';

export interface Ban {
  readonly id: string;
  readonly target: Address;
  /** Canonical text of the target. */
  readonly targetText: string;
  /** Name of the group that owned the target when the ban was made. */
  readonly group: string;
  readonly state: BanState;
  readonly dryRun: boolean;
  readonly manual: boolean;

  readonly startedAt: number;
  /** Ends the ban unless the attack is still being seen; moves on while it is. */
  readonly expiresAt: number;
  readonly withdrawnAt: number | undefined;
  /** Why it was refused or withdrawn; empty while active. */
  readonly reason: string;

  /** The attack this answers; undefined for a manual ban. */
  readonly attackId: string | undefined;
  readonly metric: Metric | undefined;
  readonly rate: number | undefined;
  readonly threshold: number | undefined;

  /** The method in force. */
  readonly method: MitigationMethod;
  /** What is to be announced now, frozen when the method came into force. Empty for method `none` and rejected bans. */
  readonly routes: readonly Route[];
  /** Rung of the ladder in force, from 0; undefined without a ladder. */
  readonly escalationStep: number | undefined;
  /** The method that would be in force if a peer could hear it. */
  readonly fellBackFrom: MitigationMethod | undefined;
  readonly fellBackReason: string | undefined;

  /** Of a manual ban. */
  readonly comment: string | undefined;
  /** Name of the token, or `cli`, that asked. */
  readonly operator: string | undefined;
}
