/*
 * How long a FlowSpec rule is on the wire (RFC 8955 §4, RFC 8956 §3), because GoBGP encodes long ones wrongly.
 *
 *   prefix             type, length in bits, (IPv6: offset,) as many octets as the length needs
 *   any other part     type, then for each value an operator and the value in 1 or 2 octets
 */
import type { Prefix } from '../net/prefix.ts';
import type { FlowspecMatch, PortRange } from './route.ts';

/**
 * Octets of a rule's components that GoBGP encodes rightly. RFC 8955 §4.1 allows 239 behind a length of one octet;
 * GoBGP 3.10 and 4.8 write from 239 on a length of two octets that is wrong. Peers drop the rule in silence, end the
 * session, or crash.
 */
export const MAX_FLOWSPEC_OCTETS = 238;

/** Octets of the components, without the length in front of them. */
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
