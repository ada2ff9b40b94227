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
import type { Ban } from '../mitigation/ban.ts';
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
