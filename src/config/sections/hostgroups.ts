/*
 * `hostgroups`, `tenant`: hosts with settings of their own. What a group does not state is inherited from the rest of
 * the file; each section that a group can override says how.
 */
import * as z from 'zod';
import { coversPrefix, type Prefix } from '../../net/prefix.ts';
import { list, name, prefix } from '../fields.ts';
import type { KeyPath } from '../keyPath.ts';
import { defineSection, type FileOf, type RuleContext, readItems } from '../section.ts';
import { type banSection, type GroupBanConfig, groupBanSchema, resolveGroupBan } from './ban.ts';
import { type BgpConfig, type bgpSection, groupBgpSchema, resolveGroupBgp } from './bgp.ts';
import { type FlowspecConfig, type flowspecSection, groupFlowspecSchema, resolveGroupFlowspec } from './flowspec.ts';
import {
  escalationSchema,
  type GroupMitigationConfig,
  mitigationSchema,
  type mitigationSection,
  resolveGroupMitigation,
} from './mitigation.ts';
import type { NetworksFile } from './networks.ts';
import {
  groupScrubbingSchema,
  resolveGroupScrubbing,
  type ScrubbingConfig,
  type scrubbingSection,
} from './scrubbing.ts';
import {
  type GroupThresholdsConfig,
  groupThresholdsSchema,
  resolveGroupThresholds,
  type thresholdsSection,
} from './thresholds.ts';

/** The group that owns every host that no hostgroup does. */
export const GLOBAL_GROUP = 'global';

/** Protected networks named in a message. */
const SHOWN_NETWORKS = 10;

const hostgroupSchema = z
  .strictObject({
    name: name().describe('Unique; "global" is taken'),
    tenant: name().optional().describe('Customer whose hosts these are; tokens with this tenant see them'),
    networks: list(prefix())
      .min(1, { error: 'must hold at least one prefix' })
      .describe('Prefixes within the protected networks; the longest that holds a host owns it'),
    thresholds: groupThresholdsSchema.optional(),
    mitigation: mitigationSchema.optional(),
    escalation: escalationSchema.optional(),
    ban: groupBanSchema.optional(),
    flowspec: groupFlowspecSchema.optional(),
    bgp: groupBgpSchema.optional(),
    scrubbing: groupScrubbingSchema.optional(),
  })
  .describe('Hosts with settings of their own; what is absent is inherited from the rest of the file');

const keys = {
  tenant: name().optional().describe('Tenant of the group "global"; hostgroups do not inherit it'),
  hostgroups: list(hostgroupSchema).default([]).describe('Groups of hosts; the rest belong to the group "global"'),
};

export type HostgroupsFile = FileOf<typeof keys>;
type Hostgroup = HostgroupsFile['hostgroups'][number];

/** The sections that a group inherits from. */
type InheritedFile = FileOf<
  typeof thresholdsSection.keys &
    typeof mitigationSection.keys &
    typeof banSection.keys &
    typeof flowspecSection.keys &
    typeof bgpSection.keys &
    typeof scrubbingSection.keys
>;

/** How the hosts of one group are treated. */
export interface GroupConfig extends GroupThresholdsConfig, GroupMitigationConfig {
  readonly name: string;
  /** The tenant that owns these hosts; undefined = the operator. Not inherited from `global`. */
  readonly tenant: string | undefined;
  /** Empty for `global`, which owns what no other group does. */
  readonly networks: readonly Prefix[];
  readonly ban: GroupBanConfig;
  readonly flowspec: FlowspecConfig;
  readonly bgp: BgpConfig;
  /** Undefined where nothing can be diverted. */
  readonly scrubbing: ScrubbingConfig | undefined;
}

export interface GroupsConfig {
  /** groups[0] is `global`; the index of a group is its number everywhere. */
  readonly groups: readonly GroupConfig[];
}

function checkHostgroups(context: RuleContext<HostgroupsFile & NetworksFile>): void {
  const { file, report } = context;
  const names = new Set<string>([GLOBAL_GROUP]);
  const owners = new Map<string, string>();
  for (const [index, group] of readItems(file.hostgroups)) {
    const path = ['hostgroups', index];
    const { name } = group;
    if (name === GLOBAL_GROUP) {
      report([...path, 'name'], `must not be "${GLOBAL_GROUP}", which is the group of all other hosts`);
    } else if (name !== undefined && names.has(name)) {
      report([...path, 'name'], `must be unique, "${name}" is the name of an earlier group`);
    }
    if (name !== undefined) names.add(name);
    for (const [position, network] of readItems(group.networks)) {
      checkGroupNetwork(context, [...path, 'networks', position], network);
      const owner = owners.get(network.text);
      if (owner !== undefined) {
        report([...path, 'networks', position], `must be in one group only, ${network.text} is also in ${owner}`);
      }
      owners.set(network.text, owner ?? (name === undefined ? `hostgroups[${index}]` : `"${name}"`));
    }
  }
}

function checkGroupNetwork({ file, report }: RuleContext<NetworksFile>, path: KeyPath, network: Prefix): void {
  const protectedNetworks = readItems(file.networks);
  // A network that could not be read may be the one that holds this.
  if (protectedNetworks.length !== file.networks?.length) return;
  if (protectedNetworks.some(([, outer]) => coversPrefix(outer, network))) return;
  const known = protectedNetworks.slice(0, SHOWN_NETWORKS).map(([, prefix]) => prefix.text);
  if (protectedNetworks.length > SHOWN_NETWORKS) known.push('…');
  report(path, `must lie within the protected networks (${known.join(', ')}), got ${network.text}`);
}

function resolveGroup(file: InheritedFile, own: Hostgroup | undefined, tenant: string | undefined): GroupConfig {
  return {
    name: own?.name ?? GLOBAL_GROUP,
    tenant,
    networks: own?.networks ?? [],
    ...resolveGroupThresholds(file.thresholds, own?.thresholds),
    ...resolveGroupMitigation(file, own),
    ban: resolveGroupBan(file.ban, own?.ban),
    flowspec: resolveGroupFlowspec(file.flowspec, own?.flowspec),
    bgp: resolveGroupBgp(file.bgp, own?.bgp),
    scrubbing: resolveGroupScrubbing(file.scrubbing, own?.scrubbing),
  };
}

export const hostgroupsSection = defineSection({
  keys,
  rules: [checkHostgroups],
  resolve: (file: HostgroupsFile & InheritedFile): GroupsConfig => ({
    groups: [
      resolveGroup(file, undefined, file.tenant),
      ...file.hostgroups.map((group) => resolveGroup(file, group, group.tenant)),
    ],
  }),
  reload: 'live',
});
