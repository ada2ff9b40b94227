/*
 * `bgp`: the attributes of blackhole routes, for the whole file and for a hostgroup.
 */
import * as z from 'zod';
import { formatAddress } from '../../net/address.ts';
import { type Community, parseCommunity } from '../community.ts';
import { community, integer, list, nextHop, UINT32_MAX } from '../fields.ts';
import type { KeyPath } from '../keyPath.ts';
import { defineSection, type FileOf, type RuleContext, readItems } from '../section.ts';
import { hasVersion, type NetworksFile } from './networks.ts';

/** RFC 7999 §5: what a blackhole route carries where the file states no community. */
const DEFAULT_COMMUNITY = parseCommunity('blackhole') as Community;
const DEFAULT_NEXT_HOP6 = '100::1';

export const localPref = integer(0, UINT32_MAX).describe('LOCAL_PREF of the announced routes');
export const communities = list(community()).describe('Communities of the announced routes');

const bgpKeys = {
  next_hop: nextHop(4).describe('IPv4 next hop of blackhole routes, discarded by your routers'),
  next_hop6: nextHop(6).describe('IPv6 next hop of blackhole routes, discarded by your routers'),
  community: community().describe('The one community of blackhole routes; "blackhole" is 65535:666 (RFC 7999)'),
  communities: communities.describe('The communities of blackhole routes, instead of community'),
  local_pref: localPref,
};

const bgpSchema = z
  .strictObject({
    next_hop: bgpKeys.next_hop.optional(),
    next_hop6: bgpKeys.next_hop6.prefault(DEFAULT_NEXT_HOP6),
    community: bgpKeys.community.optional(),
    communities: bgpKeys.communities.optional(),
    local_pref: bgpKeys.local_pref.optional(),
  })
  .describe('Attributes of blackhole routes; required once dry_run is false');

export const groupBgpSchema = z
  .strictObject(bgpKeys)
  .partial()
  .describe('Attributes of the blackhole routes of this group');

const keys = { bgp: bgpSchema.optional() };

type GroupBgp = z.output<typeof groupBgpSchema> | undefined;

/** Attributes of a blackhole route. */
export interface BgpConfig {
  /** Empty where the file states none: then no IPv4 blackhole can be announced (only allowed in dry-run). */
  readonly nextHop: string;
  readonly nextHop6: string;
  readonly communities: readonly Community[];
  readonly localPref: number | undefined;
}

function checkCommunities({ file, isStated, report }: RuleContext<{ hostgroups: { bgp?: GroupBgp }[] }>): void {
  const sections: KeyPath[] = [['bgp'], ...readItems(file.hostgroups).map(([index]) => ['hostgroups', index, 'bgp'])];
  for (const path of sections) {
    if (isStated([...path, 'community']) && isStated([...path, 'communities'])) {
      report([...path, 'communities'], 'must not stand beside community, use one of the two');
    }
  }
}

function checkLiveRoutes({ file, isStated, report }: RuleContext<NetworksFile & { dry_run: boolean }>): void {
  if (file.dry_run !== false) return;
  if (!isStated(['bgp'])) {
    report(['bgp'], 'is missing, it is required once dry_run is false', 'missing');
  } else if (!isStated(['bgp', 'next_hop']) && hasVersion(file.networks, 4)) {
    report(['bgp', 'next_hop'], 'is missing, it is required for the IPv4 networks once dry_run is false', 'missing');
  }
}

/** Inherited key by key; community and communities are one. */
export function resolveGroupBgp(global: FileOf<typeof keys>['bgp'], own: GroupBgp): BgpConfig {
  const nextHop4 = own?.next_hop ?? global?.next_hop;
  const nextHop6 = own?.next_hop6 ?? global?.next_hop6;
  return {
    nextHop: nextHop4 === undefined ? '' : formatAddress(nextHop4),
    nextHop6: nextHop6 === undefined ? DEFAULT_NEXT_HOP6 : formatAddress(nextHop6),
    communities: statedCommunities(own) ?? statedCommunities(global) ?? [DEFAULT_COMMUNITY],
    localPref: own?.local_pref ?? global?.local_pref,
  };
}

function statedCommunities(bgp: GroupBgp): readonly Community[] | undefined {
  return bgp?.communities ?? (bgp?.community === undefined ? undefined : [bgp.community]);
}

/** Resolved with the groups, which inherit it. */
export const bgpSection = defineSection({
  keys,
  rules: [checkCommunities, checkLiveRoutes],
  resolve: () => ({}),
  reload: 'live',
});
