/*
 * Checks that a rule does no harm. A FlowSpec rule reaches many routers, and GoBGP validates none of it. So before a
 * rule is announced, its destination must be one protected address, its values must fit their fields and its length the
 * encoding, and it must not match the BGP sessions that carry it: a rule that cut them could not be withdrawn.
 */
import type { Address } from '../net/address.ts';
import { addressBits, containsAddress, type Prefix } from '../net/prefix.ts';
import { TCP } from '../net/protocolNumbers.ts';
import { MAX_RULES_PER_BAN } from './flowspecRules.ts';
import { type FlowspecMatch, type FlowspecRoute, flowspecText, type PortRange, type Route } from './route.ts';
import type { Scope } from './scope.ts';

/** TCP port of BGP (RFC 4271 §8). */
const BGP_PORT = 179;
const LAST_SYSTEM_PORT = 1023;

/**
 * Most octets of a rule's components that GoBGP encodes correctly. RFC 8955 §4.1 allows 239 after a length of one
 * octet; from 239 on GoBGP 3.10 and 4.8 write a length of two octets that is wrong. Peers drop the rule silently, end
 * the session, or crash.
 */
export const MAX_FLOWSPEC_OCTETS = 238;

/** What makes these rules unfit to be announced, for a person; undefined where nothing does. */
export function flowspecProblem(routes: readonly Route[], scope: Scope): string | undefined {
  const rules = routes.filter((route) => route.kind === 'flowspec');
  if (rules.length > MAX_RULES_PER_BAN) return `${rules.length} rules, a ban may have at most ${MAX_RULES_PER_BAN}`;
  for (const rule of rules) {
    const problem = anchorProblem(rule.match, scope) ?? valueProblem(rule);
    if (problem !== undefined) return `rule "${flowspecText(rule)}" ${problem}`;
  }
  return undefined;
}

/**
 * The route's traffic that is BGP of an endpoint, for a person; undefined where it has none. `endpoints` are the
 * addresses of GoBGP and its peers. Fragments carry no ports, so a rule on fragments is taken to match BGP too.
 */
export function bgpSessionProblem(routes: readonly Route[], endpoints: readonly Address[]): string | undefined {
  for (const route of routes) {
    for (const endpoint of endpoints) {
      if (route.kind === 'unicast' && containsAddress(route.prefix, endpoint)) {
        return `${route.prefix.text} is an address of GoBGP's BGP sessions`;
      }
      if (route.kind === 'flowspec' && matchesBgpOf(route.match, endpoint)) {
        return `rule "${flowspecText(route)}" would match BGP of GoBGP or its peers`;
      }
    }
  }
  return undefined;
}

function anchorProblem(match: FlowspecMatch, scope: Scope): string | undefined {
  const anchored = [match.destination, match.source].some(
    (prefix) => prefix !== undefined && isHost(prefix) && scope.isProtected(prefix.address),
  );
  if (!anchored) return 'is not anchored on a single address of the protected networks';
  if (
    match.destination !== undefined &&
    match.source !== undefined &&
    match.destination.address.version !== match.source.address.version
  ) {
    return 'mixes IPv4 and IPv6';
  }
  return undefined;
}

function valueProblem({ match, rateBytesPerSecond }: FlowspecRoute): string | undefined {
  // Traffic-rate is a 32-bit float (RFC 8955 §7.1); what is beyond it would arrive as infinity.
  if (!(rateBytesPerSecond >= 0 && rateBytesPerSecond <= 3.4e38))
    return 'has a rate that is no number of bytes a second';
  if (!allWithin(match.protocols, 255)) return 'has a protocol outside 0-255';
  if (!rangesWithin(match.sourcePorts) || !rangesWithin(match.destinationPorts)) return 'has a port outside 0-65535';
  if (!rangesWithin(match.packetLengths)) return 'has a packet length outside 0-65535';
  if (!allWithin(match.icmpTypes, 255)) return 'has an ICMP type outside 0-255';
  if (!allWithin(match.dscp, 63)) return 'has a DSCP outside 0-63';
  if (match.tcpFlags !== undefined) {
    const { set, clear } = match.tcpFlags;
    if (!allWithin([set, clear], 255) || set + clear === 0 || (set & clear) !== 0) return 'has impossible TCP flags';
  }
  const octets = flowspecOctets(match);
  if (octets > MAX_FLOWSPEC_OCTETS) {
    return `is ${octets} octets long, GoBGP encodes at most ${MAX_FLOWSPEC_OCTETS} rightly; name fewer values`;
  }
  return undefined;
}

/** Whether the rule may match BGP to or from this address; components that cannot tell are taken to match. */
function matchesBgpOf(match: FlowspecMatch, endpoint: Address): boolean {
  const toOrFrom = [match.destination, match.source].some(
    (prefix) => prefix !== undefined && containsAddress(prefix, endpoint),
  );
  if (!toOrFrom) return false;
  if (match.protocols.length > 0 && !match.protocols.includes(TCP)) return false;
  if (match.icmpTypes.length > 0) return false;
  if (match.fragment) return true;
  // One side of a session is at port 179 and the other at an ephemeral one, so a rule is free of it that pins a side to
  // system ports (RFC 6335 §6) other than BGP's, or pins both sides elsewhere.
  const { sourcePorts, destinationPorts } = match;
  if (areOtherSystemPorts(sourcePorts) || areOtherSystemPorts(destinationPorts)) return false;
  const bothPinned = sourcePorts.length > 0 && destinationPorts.length > 0;
  return !bothPinned || hasBgp(sourcePorts) || hasBgp(destinationPorts);
}

function areOtherSystemPorts(ranges: readonly PortRange[]): boolean {
  return ranges.length > 0 && ranges.every(({ to }) => to <= LAST_SYSTEM_PORT) && !hasBgp(ranges);
}

function hasBgp(ranges: readonly PortRange[]): boolean {
  return ranges.some(({ from, to }) => from <= BGP_PORT && BGP_PORT <= to);
}

function isHost(prefix: Prefix): boolean {
  return prefix.length === addressBits(prefix.address.version);
}

function allWithin(values: readonly number[], max: number): boolean {
  return values.every((value) => Number.isInteger(value) && value >= 0 && value <= max);
}

function rangesWithin(ranges: readonly PortRange[]): boolean {
  return ranges.every(({ from, to }) => allWithin([from, to], 65535) && from <= to);
}

/**
 * Octets of a rule's components in BGP (RFC 8955 §4, RFC 8956 §3), without the length before them.
 *
 *   prefix             type, length in bits, (IPv6: offset,) as many octets as the length needs
 *   any other part     type, then for each value an operator and the value in 1 or 2 octets
 */
export function flowspecOctets(match: FlowspecMatch): number {
  const { destination, source, protocols, destinationPorts, sourcePorts, icmpTypes, tcpFlags, packetLengths } = match;
  const clearFlags = bitsSet(tcpFlags?.clear ?? 0);
  return (
    prefixOctets(destination) +
    prefixOctets(source) +
    partOctets(2 * protocols.length) +
    partOctets(rangesOctets(destinationPorts)) +
    partOctets(rangesOctets(sourcePorts)) +
    partOctets(2 * icmpTypes.length) +
    partOctets(2 * (Number((tcpFlags?.set ?? 0) !== 0) + clearFlags)) +
    partOctets(rangesOctets(packetLengths)) +
    partOctets(2 * match.dscp.length) +
    partOctets(match.fragment ? 4 : 0)
  );
}

function prefixOctets(prefix: Prefix | undefined): number {
  if (prefix === undefined) return 0;
  const offset = prefix.address.version === 6 ? 1 : 0;
  return 2 + offset + Math.ceil(prefix.length / 8);
}

/** A part without values is not written. */
function partOctets(values: number): number {
  return values === 0 ? 0 : 1 + values;
}

function rangesOctets(ranges: readonly PortRange[]): number {
  let octets = 0;
  for (const { from, to } of ranges) octets += from === to ? valueOctets(from) : valueOctets(from) + valueOctets(to);
  return octets;
}

function valueOctets(value: number): number {
  return value > 255 ? 3 : 2;
}

function bitsSet(flags: number): number {
  let bits = 0;
  for (let left = flags; left !== 0; left &= left - 1) bits++;
  return bits;
}
