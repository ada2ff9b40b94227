/*
 * What the config says about an address: whether it is ours to protect, whether it may never be announced, and whose
 * it is. Built anew for every config; immutable.
 */
import type { Config } from '../config/config.ts';
import type { GroupConfig } from '../config/sections/hostgroups.ts';
import { type Address, type IpVersion, parseAddress } from '../net/address.ts';
import { containsAddress, type Prefix, prefixesOverlap, prefixSize } from '../net/prefix.ts';
import { NO_MATCH, PrefixTable } from '../net/prefixTable.ts';

export class Scope {
  readonly config: Config;
  readonly #networks: PrefixTable;
  readonly #owners: PrefixTable;

  constructor(config: Config) {
    this.config = config;
    this.#networks = new PrefixTable(config.networks.map((prefix, index) => [prefix, index] as const));
    this.#owners = new PrefixTable(
      config.groups.flatMap((group, index) => group.networks.map((prefix) => [prefix, index] as const)),
    );
  }

  isProtected(address: Address): boolean {
    return this.#networks.lookupAddress(address) !== NO_MATCH;
  }

  /** The whitelist entry that holds the address, if one does. */
  whitelistEntry(address: Address): Prefix | undefined {
    return this.config.protectedWhitelist.find((entry) => containsAddress(entry, address));
  }

  /** A whitelist entry that shares an address with the prefix, if one does. */
  whitelistOverlap(prefix: Prefix): Prefix | undefined {
    return this.config.protectedWhitelist.find((entry) => prefixesOverlap(entry, prefix));
  }

  /** The group whose longest prefix holds the address; `global` for the rest. */
  groupOf(address: Address): GroupConfig {
    const owner = this.#owners.lookupAddress(address);
    return this.config.groups[owner === NO_MATCH ? 0 : owner];
  }

  /** Quiet time before an attack on the address ends, in milliseconds. */
  hysteresisMs(targetText: string): number {
    const address = parseAddress(targetText);
    const group = address === undefined ? this.config.groups[0] : this.groupOf(address);
    return group.ban.unbanHysteresisSeconds * 1000;
  }

  /** The longest window of a cap on starts, in milliseconds. */
  longestBanWindowMs(): number {
    const { ban, groups } = this.config;
    return Math.max(ban.banWindowSeconds, ...groups.map((group) => group.ban.limits.banWindowSeconds)) * 1000;
  }

  groupNamed(name: string): GroupConfig | undefined {
    return this.config.groups.find((group) => group.name === name);
  }

  /** How many addresses of a family are protected in all. */
  protectedAddresses(version: IpVersion): number {
    return sumSizes(this.config.networks, version);
  }

  /** How many addresses of a family a group owns by its own prefixes; for `global`, which has none, all of them. */
  groupAddresses(group: GroupConfig, version: IpVersion): number {
    return group.networks.length === 0 ? this.protectedAddresses(version) : sumSizes(group.networks, version);
  }
}

/** Tenant of the group of this name; undefined where there is none. */
export function tenantOfGroup(config: Config, name: string): string | undefined {
  return config.groups.find((group) => group.name === name)?.tenant;
}

function sumSizes(prefixes: readonly Prefix[], version: IpVersion): number {
  let addresses = 0;
  for (const prefix of prefixes) if (prefix.address.version === version) addresses += prefixSize(prefix);
  return addresses;
}
