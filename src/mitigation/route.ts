/*
 * Routes as the mitigation core wants them: what is to be announced, in the words of BGP and not of any daemon's API.
 * A route is wholly described by its values; two with the same key are the same NLRI, so one replaces the other.
 */
import type { Community } from '../config/community.ts';
import type { Prefix } from '../net/prefix.ts';

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
