/*
 * What a tenant may know of a ban: which rule it was, and not the limits, entries, peers and errors of the whole
 * deployment that the full reasons compare with; and of an attack: not by which exporters it was seen. The API and
 * notifications both go by this.
 */
import type { AttackSample } from '../engine/attack.ts';
import { ALL_GUARDS, BAN_END_CODES, type BanEndCode, type Guard } from '../mitigation/ban.ts';
import type { AttackJson } from './attackJson.ts';
import type { RibEvidenceJson } from './banJson.ts';

/** What a tenant sees of a refusal, by the guard. */
const REFUSALS: Readonly<Record<Guard, string>> = {
  scope: 'the address is outside the protected networks',
  whitelist: 'it would cover a whitelisted address',
  max_active_bans: 'too many bans are active',
  max_banned_fraction: 'too many addresses are banned',
  max_bans_per_window: 'too many bans started recently',
  harmless: 'it could do harm beyond the target',
  next_hop: 'no next hop is set for this method',
  flowspec_max_rules: 'too many FlowSpec rules are in use',
  audience: 'no peer would be sent it',
  max_ttl_seconds: 'the TTL is longer than a ban by hand may last',
  max_tenant_share: 'too many bans by hand are active',
};

/** What a tenant sees of the end of a ban. */
const ENDS: Readonly<Record<BanEndCode, string>> = {
  attack_ended: 'the attack ended',
  ttl_expired: 'the TTL ran out',
  unbanned: 'unbanned by hand',
  replaced: 'replaced by a newer ban',
  whitelisted: 'it would cover a whitelisted address',
  network_removed: 'the address is outside the protected networks',
  cap_lowered: 'the limit on bans was lowered',
  config_changed: 'the configuration was changed',
  harmful: 'it could do harm beyond the target',
  dry_run_changed: 'dry_run was changed',
  shutdown: 'Kapkan was stopped',
};

/**
 * Why a ban was refused or ended, for a tenant, by the code of the guard or of the end; empty for any other code. The
 * full reasons compare with limits, entries and peers of the whole deployment; a tenant may only know which rule it
 * was.
 */
export function tenantReason(code: string | undefined): string {
  const guard = ALL_GUARDS.find((name) => name === code);
  if (guard !== undefined) return `${guard}: ${REFUSALS[guard]}`;
  const end = BAN_END_CODES.find((name) => name === code);
  return end === undefined ? '' : ENDS[end];
}

/** Whether the routes are in GoBGP and since when, without peers and errors. */
export function tenantRib(rib: RibEvidenceJson): RibEvidenceJson {
  return { ...rib, last_error: undefined, advertised_to: undefined, not_advertised_to: undefined };
}

/** Without the exporters and interfaces that saw it: they are routers of the whole deployment. */
export function tenantSample(sample: AttackSample): AttackSample {
  return { ...sample, topExporters: [], topInterfaces: [] };
}

/** As `tenantSample`. */
export function tenantAttack(attack: AttackJson): AttackJson {
  return { ...attack, sample: { ...attack.sample, top_exporters: [], top_interfaces: [] } };
}
