/*
 * Rules across keys about what is protected and where telemetry comes from.
 */
import { formatAddress } from '../net/address.ts';
import { coversPrefix, type Prefix, prefixesOverlap } from '../net/prefix.ts';
import type { SocketAddress } from './config.ts';
import { type RuleContext, readItems } from './ruleContext.ts';
import { formatSocketAddress, socketsCollide } from './socketAddress.ts';
import type { KeyPath } from './yamlSource.ts';

/** The group that owns every host that no hostgroup does. */
export const GLOBAL_GROUP = 'global';

/** Protected networks named in a message. */
const SHOWN_NETWORKS = 10;

export function checkNetworks({ file, report }: RuleContext): void {
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

export function checkHostgroups(context: RuleContext): void {
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

function checkGroupNetwork({ file, report }: RuleContext, path: KeyPath, network: Prefix): void {
  const protectedNetworks = readItems(file.networks);
  // A network that could not be read may be the one that holds this.
  if (protectedNetworks.length !== file.networks?.length) return;
  if (protectedNetworks.some(([, outer]) => coversPrefix(outer, network))) return;
  const known = protectedNetworks.slice(0, SHOWN_NETWORKS).map(([, prefix]) => prefix.text);
  if (protectedNetworks.length > SHOWN_NETWORKS) known.push('…');
  report(path, `must lie within the protected networks (${known.join(', ')}), got ${network.text}`);
}

export function checkListeners({ file, isStated, report }: RuleContext): void {
  if (file.listen !== undefined && !isStated(['listen', 'netflow']) && !isStated(['listen', 'sflow'])) {
    report(['listen'], 'must state at least one of netflow and sflow');
  }
  const sockets: { path: KeyPath; socket: SocketAddress }[] = [];
  for (const key of ['netflow', 'sflow'] as const) {
    for (const [index, socket] of readItems(file.listen?.[key])) {
      const path = ['listen', key, index];
      const other = sockets.find((earlier) => socketsCollide(earlier.socket, socket));
      if (other !== undefined) {
        report(path, `must not take the same socket as another listener, ${formatSocketAddress(other.socket)}`);
      }
      sockets.push({ path, socket });
    }
  }
}

export function checkExporters({ file, isStated, report }: RuleContext): void {
  if (file.flow_sources_enforce === true && (!isStated(['flow_sources']) || file.flow_sources?.length === 0)) {
    report(
      ['flow_sources_enforce'],
      'must be false where flow_sources names no exporter: all telemetry would be dropped',
    );
  }
  const seen = new Set<string>();
  for (const [index, override] of readItems(file.sampling?.overrides)) {
    if (override.exporter === undefined) continue;
    const exporter = formatAddress(override.exporter);
    if (seen.has(exporter)) {
      report(['sampling', 'overrides', index, 'exporter'], `must be overridden once only, ${exporter} is so above`);
    }
    seen.add(exporter);
  }
}
