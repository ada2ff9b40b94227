/*
 * What a person is told whose ban was refused: besides the guard's reason, what could be done instead.
 */
import type { MitigationMethod } from '../config/sections/mitigation.ts';
import type { BanPlan } from './ban.ts';
import type { Guard } from './guard.ts';
import type { GuardVerdict } from './guards.ts';

/** The guards that refuse a method and not the target, so that another method may be admitted. */
const METHOD_GUARDS: readonly Guard[] = ['next_hop', 'flowspec_max_rules', 'audience'];

/** A refusal of a ban by hand; one that `allow_fallback` could have avoided says so. */
export function withAlternative(refusedBy: GuardVerdict, plan: BanPlan, method: MitigationMethod): GuardVerdict {
  const isOfMethod = METHOD_GUARDS.includes(refusedBy.guard) && (method === 'flowspec' || method === 'divert');
  if (!isOfMethod || plan.fallback !== 'none') return refusedBy;
  return { ...refusedBy, reason: `${refusedBy.reason}; with allow_fallback a blackhole would take its place` };
}
