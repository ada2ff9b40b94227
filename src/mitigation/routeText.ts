/*
 * Routes as text: the key that names a route's NLRI, the words an operator reads, and the `route` field of a ban.
 *
 * FlowSpec components are written in the order of their type numbers (RFC 8955 §4.2.2), the order they have on the
 * wire, in the words of the manual match: dst src proto dst-port src-port icmp-type tcp-flags packet-length dscp
 * fragment. Lists are written as they stand, so two rules have one key exactly when they encode to the same NLRI.
 */
import { AUTHENTICATION, ESP, GRE, ICMP, ICMPV6, SCTP, TCP, TCP_FLAG_NAMES, UDP } from '../net/protocolNumbers.ts';
import type { Ban } from './ban.ts';
import { type FlowspecMatch, type FlowspecRoute, type PortRange, type Route, routeFamily } from './route.ts';

/** IP protocols that are written by name; the rest are numbers (IANA's registry). */
const PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map([
  [ICMP, 'icmp'],
  [TCP, 'tcp'],
  [UDP, 'udp'],
  [GRE, 'gre'],
  [ESP, 'esp'],
  [AUTHENTICATION, 'ah'],
  [ICMPV6, 'icmp6'],
  [SCTP, 'sctp'],
]);

/** Names one NLRI: `ipv4-unicast 192.0.2.1/32`, `ipv6-flowspec dst 2001:db8::1/128 proto udp`. Attributes have no part in it. */
export function routeKey(route: Route): string {
  const nlri = route.kind === 'unicast' ? route.prefix.text : flowspecMatchText(route.match);
  return `${routeFamily(route)} ${nlri}`;
}

/** A rule and what it does: `dst 192.0.2.1/32 proto udp src-port 123 discard`. */
export function flowspecText(route: FlowspecRoute): string {
  const action = route.rateBytesPerSecond === 0 ? 'discard' : `rate-limit ${(route.rateBytesPerSecond * 8) / 1e6} mbps`;
  return `${flowspecMatchText(route.match)} ${action}`;
}

/** The contract's `route` of a ban; empty where nothing is announced. */
export function routeSummary(ban: Pick<Ban, 'routes'>): string {
  const rules: string[] = [];
  for (const route of ban.routes) {
    if (route.kind === 'flowspec') {
      rules.push(flowspecText(route));
      continue;
    }
    const communities = route.communities.map((community) => community.text).join(' ');
    const nextHop = route.nextHop === '' ? 'unset' : route.nextHop;
    const head = `${route.method} ${route.prefix.text} next-hop ${nextHop}`;
    return communities === '' ? head : `${head} community ${communities}`;
  }
  return rules.length === 0 ? '' : `flowspec: ${rules.join('; ')}`;
}

/** The protocol's number for a name this file would write; undefined for any other text. */
export function protocolByName(name: string): number | undefined {
  for (const [number, known] of PROTOCOL_NAMES) if (known === name) return number;
  return undefined;
}

/** The bit of a TCP flag by its name; undefined for any other text. */
export function tcpFlagByName(name: string): number | undefined {
  const bit = TCP_FLAG_NAMES.indexOf(name);
  return bit < 0 ? undefined : 1 << bit;
}

/** The components of a match that are limited, each in words, in the order of their type numbers. */
export interface FlowspecParts {
  readonly dst?: string;
  readonly src?: string;
  readonly proto?: string;
  readonly 'dst-port'?: string;
  readonly 'src-port'?: string;
  readonly 'icmp-type'?: string;
  readonly 'tcp-flags'?: string;
  readonly 'packet-length'?: string;
  readonly dscp?: string;
}

/** All but the fragment component, which has no value. Lists are separated by commas. */
export function flowspecParts(match: FlowspecMatch): FlowspecParts {
  const { destination, source, protocols, destinationPorts, sourcePorts, icmpTypes } = match;
  const { tcpFlags, packetLengths, dscp } = match;
  return {
    ...(destination !== undefined && { dst: destination.text }),
    ...(source !== undefined && { src: source.text }),
    ...(protocols.length > 0 && { proto: protocols.map(protocolText).join(',') }),
    ...(destinationPorts.length > 0 && { 'dst-port': rangesText(destinationPorts) }),
    ...(sourcePorts.length > 0 && { 'src-port': rangesText(sourcePorts) }),
    ...(icmpTypes.length > 0 && { 'icmp-type': icmpTypes.join(',') }),
    ...(tcpFlags !== undefined && { 'tcp-flags': tcpFlagsText(tcpFlags.set, tcpFlags.clear) }),
    ...(packetLengths.length > 0 && { 'packet-length': rangesText(packetLengths) }),
    ...(dscp.length > 0 && { dscp: dscp.join(',') }),
  };
}

function flowspecMatchText(match: FlowspecMatch): string {
  const parts = Object.entries(flowspecParts(match)).map(([name, value]) => `${name} ${value}`);
  return [...parts, ...(match.fragment ? ['fragment'] : [])].join(' ');
}

function protocolText(protocol: number): string {
  return PROTOCOL_NAMES.get(protocol) ?? String(protocol);
}

function rangesText(ranges: readonly PortRange[]): string {
  return ranges.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(',');
}

/** `syn,!ack`: flags that must be set, then flags that must be clear. */
function tcpFlagsText(set: number, clear: number): string {
  const names: string[] = [];
  TCP_FLAG_NAMES.forEach((name, bit) => {
    if (set & (1 << bit)) names.push(name);
  });
  TCP_FLAG_NAMES.forEach((name, bit) => {
    if (clear & (1 << bit)) names.push(`!${name}`);
  });
  return names.join(',');
}
