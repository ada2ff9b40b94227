/*
 * The checks that stand between a route and gobgpd, which validates nothing: a prefix length or a value out of range
 * has been seen to end the process, and with it every BGP session.
 */
import { parseAddress } from '../net/address.ts';
import { addressBits, type Prefix, prefixOf } from '../net/prefix.ts';
import { GobgpError } from './gobgpError.ts';

export function refuse(message: string): never {
  throw new GobgpError('INVALID_ROUTE', 'encode', message);
}

export function checkRange(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    refuse(`${name} must be an integer from ${min} to ${max}, got ${value}`);
  }
}

export function checkUint32(name: string, value: number): void {
  checkRange(name, value, 0, 0xffffffff);
}

/** Length within its family, no host bits, text as the address says; and never the default route. */
export function checkPrefix(prefix: Prefix): void {
  checkRange(`prefix length of ${prefix.text}`, prefix.length, 1, addressBits(prefix.address.version));
  const canonical = prefixOf(prefix.address, prefix.length).text;
  if (prefix.text !== canonical) refuse(`prefix must be canonical: ${canonical}, got ${prefix.text}`);
}

/** Canonical text of a next hop of this family. */
export function checkNextHop(nextHop: string, version: 4 | 6): void {
  const address = parseAddress(nextHop);
  if (address?.version !== version) refuse(`next hop must be an IPv${version} address, got "${nextHop}"`);
}
