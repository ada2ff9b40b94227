/*
 * Why a ban was refused or ended, for a tenant. The full reasons compare with limits, entries and peers of the whole
 * deployment; a tenant may know which rule it was, but not the rest.
 */
import { BAN_END_CODES, type BanEndCode } from '../mitigation/ban.ts';
import { ALL_GUARDS, type Guard } from '../mitigation/guard.ts';

const REFUSALS: Readonly<Record<Guard, string>> = {
  scope: 'the address is outside the protected networks',
  whitelist: 'it would cover a whitelisted address',
  max_active_bans: 'too many bans are active',
  max_banned_fraction: 'too many addresses are banned',
  max_bans_per_window: 'too many bans began lately',
  harmless: 'it could do harm beyond the target',
  next_hop: 'no next hop is set for this method',
  flowspec_max_rules: 'too many FlowSpec rules are in use',
  audience: 'no peer could hear it',
  max_ttl_seconds: 'the TTL is longer than a ban by hand may last',
  max_tenant_share: 'too many bans by hand are active',
};

const ENDS: Readonly<Record<BanEndCode, string>> = {
  attack_ended: 'the attack ended',
  ttl_expired: 'the TTL ran out',
  unbanned: 'unbanned by hand',
  replaced: 'replaced by a newer ban',
  whitelisted: 'it would cover a whitelisted address',
  network_removed: 'the address is outside the protected networks',
  cap_lowered: 'the limit on bans was lowered',
  harmful: 'it could do harm beyond the target',
  dry_run_changed: 'dry_run was changed',
  shutdown: 'Kapkan was stopped',
};

/** By the code of a guard or of an end; empty where there is neither. */
export function tenantReason(code: string | undefined): string {
  const guard = ALL_GUARDS.find((name) => name === code);
  if (guard !== undefined) return `${guard}: ${REFUSALS[guard]}`;
  const end = BAN_END_CODES.find((name) => name === code);
  return end === undefined ? '' : ENDS[end];
}
