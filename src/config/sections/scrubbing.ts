/*
 * `scrubbing`: where diverted traffic goes, for the whole file and for a hostgroup.
 */
import * as z from 'zod';
import { formatAddress } from '../../net/address.ts';
import type { Community } from '../community.ts';
import { nextHop } from '../fields.ts';
import type { KeyPath } from '../keyPath.ts';
import { defineSection, type FileOf, type RuleContext, readItems } from '../section.ts';
import { communities, localPref } from './bgp.ts';
import { type escalationSchema, type MitigationMethod, mayDivert } from './mitigation.ts';
import { hasVersion, type NetworksFile } from './networks.ts';

const scrubbingSchema = z
  .strictObject({
    next_hop: nextHop(4).describe('IPv4 next hop of the scrubbing centre'),
    next_hop6: nextHop(6).describe('IPv6 next hop of the scrubbing centre'),
    communities,
    local_pref: localPref,
  })
  .partial()
  .describe('Where diverted traffic goes; required to divert');

export const groupScrubbingSchema = scrubbingSchema.describe('Where the diverted traffic of this group goes');

const keys = { scrubbing: scrubbingSchema.optional() };

type Scrubbing = FileOf<typeof keys>['scrubbing'];

export interface ScrubbingConfig {
  /** Empty = this family is not diverted. */
  readonly nextHop: string;
  readonly nextHop6: string;
  readonly communities: readonly Community[];
  readonly localPref: number | undefined;
}

const NEXT_HOP_KEYS = [
  { version: 4, key: 'next_hop' },
  { version: 6, key: 'next_hop6' },
] as const;

interface Methods {
  readonly mitigation?: MitigationMethod | undefined;
  readonly escalation?: z.output<typeof escalationSchema> | undefined;
}

type DivertFile = NetworksFile & Methods & { hostgroups: (Methods & Pick<NetworksFile, 'networks'>)[] };

/** Every group that may divert needs a scrubbing next hop for each family it has networks of. */
function checkDivert({ file, isStated, report }: RuleContext<DivertFile>): void {
  const scrubbing: KeyPath = ['scrubbing'];
  if (mayDivert(file.mitigation, file.escalation)) {
    for (const { version, key } of NEXT_HOP_KEYS) {
      if (!hasVersion(file.networks, version) || isStated([...scrubbing, key])) continue;
      report([...scrubbing, key], `is missing, it is required to divert the IPv${version} networks`, 'missing');
    }
  }
  for (const [index, group] of readItems(file.hostgroups)) {
    const path: KeyPath = ['hostgroups', index];
    // A group that inherits the method has the same needs as the whole file, and those are checked above.
    if (!isStated([...path, 'mitigation']) && !isStated([...path, 'escalation'])) continue;
    const ladder = isStated([...path, 'escalation']) ? group.escalation : file.escalation;
    if (!mayDivert(group.mitigation ?? file.mitigation, ladder)) continue;
    for (const { version, key } of NEXT_HOP_KEYS) {
      const stated = isStated([...scrubbing, key]) || isStated([...path, 'scrubbing', key]);
      if (stated || !hasVersion(group.networks, version)) continue;
      const message = `is missing here and in scrubbing, it is required to divert the group's IPv${version} networks`;
      report([...path, 'scrubbing', key], message, 'missing');
    }
  }
}

/** Inherited key by key. Undefined where no family can be diverted. */
export function resolveGroupScrubbing(global: Scrubbing, own: Scrubbing): ScrubbingConfig | undefined {
  const merged = { ...global, ...own };
  if (merged.next_hop === undefined && merged.next_hop6 === undefined) return undefined;
  return {
    nextHop: merged.next_hop === undefined ? '' : formatAddress(merged.next_hop),
    nextHop6: merged.next_hop6 === undefined ? '' : formatAddress(merged.next_hop6),
    communities: merged.communities ?? [],
    localPref: merged.local_pref,
  };
}

/** Resolved with the groups, which inherit it. */
export const scrubbingSection = defineSection({ keys, rules: [checkDivert], resolve: () => ({}), reload: 'live' });
