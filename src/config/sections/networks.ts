/*
 * `networks`, `protected_whitelist`: the prefixes that are protected, and what in them is never announced.
 */
import { type Prefix, prefixesOverlap } from '../../net/prefix.ts';
import { list, prefix } from '../fields.ts';
import { defineSection, type FileOf, type RuleContext, readItems } from '../section.ts';

const keys = {
  networks: list(prefix())
    .min(1, { error: 'must hold at least one prefix' })
    .describe('Protected prefixes, IPv4 and IPv6, not overlapping; nothing outside them is ever announced'),
  protected_whitelist: list(prefix())
    .default([])
    .describe('Addresses or prefixes that are never announced, whatever happens'),
};

export type NetworksFile = FileOf<typeof keys>;

export interface NetworksConfig {
  readonly networks: readonly Prefix[];
  readonly protectedWhitelist: readonly Prefix[];
}

function checkNetworks({ file, report }: RuleContext<NetworksFile>): void {
  // Sorted, a prefix comes directly before everything it covers.
  const networks = readItems(file.networks).sort(([, a], [, b]) => compareByAddress(a, b));
  let outer = networks[0];
  for (const network of networks.slice(1)) {
    if (!prefixesOverlap(outer[1], network[1])) {
      outer = network;
      continue;
    }
    const [[, earlier], [index, later]] = outer[0] < network[0] ? [outer, network] : [network, outer];
    report(['networks', index], `must not overlap another network, got ${later.text} and ${earlier.text}`);
  }
}

function compareByAddress(a: Prefix, b: Prefix): number {
  return (
    a.address.version - b.address.version ||
    a.address.word0 - b.address.word0 ||
    a.address.word1 - b.address.word1 ||
    a.address.word2 - b.address.word2 ||
    a.address.word3 - b.address.word3 ||
    a.length - b.length
  );
}

/** Whether a list of networks, as far as it was read, holds one of this IP version. */
export function hasVersion(networks: readonly (Prefix | undefined)[] | undefined, version: 4 | 6): boolean {
  return readItems(networks).some(([, network]) => network.address.version === version);
}

export const networksSection = defineSection({
  keys,
  rules: [checkNetworks],
  resolve: ({ networks, protected_whitelist }: NetworksFile): NetworksConfig => {
    return { networks, protectedWhitelist: protected_whitelist };
  },
  reload: 'live',
});
