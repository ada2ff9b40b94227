/*
 * Why a ban was refused or ended, for a tenant. The full reasons compare with limits, entries and peers of the whole
 * deployment; which rule it was is the tenant's to know, the rest is not.
 */
import { GUARDS, type Guard } from '../../mitigation/guard.ts';

const TEXT_OF: Readonly<Record<Guard, string>> = {
  scope: 'the address is outside the protected networks',
  whitelist: 'it would cover a whitelisted address',
  max_active_bans: 'too many bans are active',
  max_banned_fraction: 'too many addresses are banned',
  max_bans_per_window: 'too many bans began lately',
  harmless: 'it could do harm beyond the target',
  next_hop: 'no next hop is set for this method',
  flowspec_max_rules: 'too many FlowSpec rules are in use',
  audience: 'no peer could hear it',
};

/** The reason without what belongs to the whole deployment. */
export function tenantReason(reason: string): string {
  const guard = GUARDS.find((name) => reason.startsWith(`${name}: `));
  if (guard !== undefined) return `${guard}: ${TEXT_OF[guard]}`;
  return reason.includes('whitelisted by') ? `whitelist: ${TEXT_OF.whitelist}` : reason;
}
