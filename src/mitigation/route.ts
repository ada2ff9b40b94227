/*
 * Routes as the mitigation core wants them, in the terms of BGP and not of a daemon's API; their key and their text. A
 * route is completely described by its values. Two with the same key have the same NLRI, so one replaces the other.
 */
import type { Community } from '../config/community.ts';
import type { Prefix } from '../net/prefix.ts';
import { AUTHENTICATION, ESP, GRE, ICMP, ICMPV6, SCTP, TCP, TCP_FLAG_NAMES, UDP } from '../net/protocolNumbers.ts';

export type RouteFamily = 'ipv4-unicast' | 'ipv6-unicast' | 'ipv4-flowspec' | 'ipv6-flowspec';

export type Route = UnicastRoute | FlowspecRoute;

/** A host route to the discard next hop (blackhole, RFC 7999) or to the scrubbing centre (divert). */
export interface UnicastRoute {
  readonly kind: 'unicast';
  readonly method: 'blackhole' | 'divert';
  readonly prefix: Prefix;
  readonly nextHop: string;
  readonly communities: readonly Community[];
  readonly localPref: number | undefined;
}

/** One FlowSpec rule (RFC 8955, RFC 8956 for IPv6) and what is done with what matches it. */
export interface FlowspecRoute {
  readonly kind: 'flowspec';
  readonly match: FlowspecMatch;
  /** Traffic-rate in bytes a second (RFC 8955 §7.1); 0 discards. */
  readonly rateBytesPerSecond: number;
}

/** At least one of the two prefixes is an address of ours. Lists are OR-ed, components AND-ed (RFC 8955 §4.2). */
export interface FlowspecMatch {
  readonly destination: Prefix | undefined;
  readonly source: Prefix | undefined;
  /** IP protocols or last next headers, 0–255. */
  readonly protocols: readonly number[];
  readonly sourcePorts: readonly PortRange[];
  readonly destinationPorts: readonly PortRange[];
  /** Flags that must be set and flags that must be clear; undefined = any. */
  readonly tcpFlags: { readonly set: number; readonly clear: number } | undefined;
  /** Any fragment: is-a-fragment for IPv4, first or last or middle for IPv6 (which has no don't-fragment bit). */
  readonly fragment: boolean;
  readonly packetLengths: readonly PortRange[];
  readonly icmpTypes: readonly number[];
  readonly dscp: readonly number[];
}

/** A match on everything: what a rule is narrowed from. */
export const MATCH_ALL: FlowspecMatch = {
  destination: undefined,
  source: undefined,
  protocols: [],
  sourcePorts: [],
  destinationPorts: [],
  tcpFlags: undefined,
  fragment: false,
  packetLengths: [],
  icmpTypes: [],
  dscp: [],
};

/** Inclusive; `from` = `to` for a single value. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

export function routeFamily(route: Route): RouteFamily {
  if (route.kind === 'unicast') return route.prefix.address.version === 4 ? 'ipv4-unicast' : 'ipv6-unicast';
  const anchor = route.match.destination ?? route.match.source;
  return anchor?.address.version === 6 ? 'ipv6-flowspec' : 'ipv4-flowspec';
}

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

/**
 * Names one NLRI: `ipv4-unicast 192.0.2.1/32`, `ipv6-flowspec dst 2001:db8::1/128 proto udp`. Attributes are not in it.
 */
export function routeKey(route: Route): string {
  const nlri = route.kind === 'unicast' ? route.prefix.text : flowspecMatchText(route.match);
  return `${routeFamily(route)} ${nlri}`;
}

/** A rule and its action: `dst 192.0.2.1/32 proto udp src-port 123 discard`. */
export function flowspecText(route: FlowspecRoute): string {
  const action = route.rateBytesPerSecond === 0 ? 'discard' : `rate-limit ${(route.rateBytesPerSecond * 8) / 1e6} mbps`;
  return `${flowspecMatchText(route.match)} ${action}`;
}

/** The contract's `route` of a ban; empty where nothing is announced. */
export function routeSummary(ban: { readonly routes: readonly Route[] }): string {
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

/** The number of a protocol by the name that is written for it; undefined for any other text. */
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

/**
 * All components but the fragment, which has no value. They are in the order of their type numbers (RFC 8955 §4.2.2),
 * as in BGP, and in the words of the manual match. Lists are separated by commas and keep their order, so two rules
 * have the same text exactly when they encode to the same NLRI.
 */
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
