/*
 * What one principal may see and touch: everything, or only what a tenant's groups own. Every answer to a token with a
 * tenant passes through here.
 *
 * An active row belongs to the tenant that owns its target now. A past row must also have belonged to the same tenant
 * then: when an address moves from one customer to another, the new customer does not see the old one's attacks.
 */
import type { Config } from '../config/config.ts';
import type { GroupConfig } from '../config/sections/hostgroups.ts';
import type { Attack } from '../engine/attack.ts';
import { ALL_GUARDS, BAN_END_CODES, type Ban, type BanEndCode, type Guard } from '../mitigation/ban.ts';
import { Scope } from '../mitigation/scope.ts';
import { type Address, parseAddress } from '../net/address.ts';
import { coversPrefix, type Prefix } from '../net/prefix.ts';
import type { AttackJson } from '../shapes/attackJson.ts';
import { ApiError } from './apiError.ts';
import type { Principal } from './authenticator.ts';

/** A scope holds tables of a megabyte, so there is one for each config. */
const SCOPES = new WeakMap<Config, Scope>();

export class TenantFilter {
  /** Undefined where everything may be seen. */
  readonly tenant: string | undefined;
  readonly #scope: Scope;

  constructor(config: Config, principal: Pick<Principal, 'tenant'>) {
    this.tenant = principal.tenant;
    this.#scope = scopeOf(config);
  }

  get isUnscoped(): boolean {
    return this.tenant === undefined;
  }

  /** Groups it may see, each with its number; `global` has 0. */
  groups(): { readonly number: number; readonly group: GroupConfig }[] {
    return this.#scope.config.groups
      .map((group, number) => ({ number, group }))
      .filter(({ group }) => this.isUnscoped || group.tenant === this.tenant);
  }

  seesGroup(name: string): boolean {
    if (this.isUnscoped) return true;
    return this.#scope.groupNamed(name)?.tenant === this.tenant;
  }

  seesTarget(target: Address): boolean {
    if (this.isUnscoped) return true;
    return this.#scope.isProtected(target) && this.#scope.groupOf(target).tenant === this.tenant;
  }

  /** Of an address as text; false for any other text. */
  seesTargetText(text: string): boolean {
    const target = parseAddress(text);
    return this.isUnscoped || (target !== undefined && this.seesTarget(target));
  }

  seesAttack(attack: Attack): boolean {
    return this.seesTarget(attack.target) && (attack.active || this.seesGroup(attack.groupName));
  }

  /** An attack from history. */
  seesAttackJson({ group, target }: Pick<AttackJson, 'group' | 'target'>): boolean {
    return this.seesGroup(group) && this.seesTargetText(target);
  }

  seesBan(ban: Ban): boolean {
    return this.seesTarget(ban.target) && (ban.state === 'active' || this.seesGroup(ban.group));
  }

  /** Throws ApiError `forbidden`, with the same message whether or not there is such a host or a ban of it. */
  requireTarget(target: Address): void {
    if (!this.seesTarget(target)) {
      throw new ApiError('forbidden', "this address does not belong to the token's tenant");
    }
  }

  /**
   * Throws ApiError `forbidden` for a tenant. Sources are checked against the whole whitelist, so a tenant
   * could find out which addresses of others are on it.
   */
  requireSourceMatch(): void {
    if (!this.isUnscoped) throw new ApiError('forbidden', 'match.src: not for a token with a tenant');
  }

  /** The protected networks in which the tenant can own addresses. */
  networks(): readonly Prefix[] {
    const { networks, groups } = this.#scope.config;
    if (this.isUnscoped) return networks;
    const own = this.groups().flatMap(({ group }) => group.networks);
    if (groups[0].tenant !== this.tenant) return own;
    // The tenant owns all addresses that no other group owns: all networks except those wholly inside another group.
    const others = groups.filter(({ tenant }) => tenant !== this.tenant).flatMap((group) => group.networks);
    return networks.filter((network) => !others.some((other) => coversPrefix(other, network)));
  }

  /** The name of the group that owns a target now. */
  ownerOf(target: Address): string {
    return this.#scope.groupOf(target).name;
  }
}

/** Tenant of the group that owns an address; undefined also where the text is no address. */
export function tenantOfTarget(config: Config, text: string): string | undefined {
  const target = parseAddress(text);
  const scope = scopeOf(config);
  return target === undefined || !scope.isProtected(target) ? undefined : scope.groupOf(target).tenant;
}

function scopeOf(config: Config): Scope {
  const known = SCOPES.get(config);
  if (known !== undefined) return known;
  const scope = new Scope(config);
  SCOPES.set(config, scope);
  return scope;
}

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
