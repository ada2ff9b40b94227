/*
 * IP prefixes. Always canonical: no host bits set, text form `192.0.2.0/24`.
 */
import { type Address, addressOfWords, formatAddress, type IpVersion, parseAddress, sameAddress } from './address.ts';

export interface Prefix {
  readonly address: Address;
  /** In the address's own family: 0–32 or 0–128. */
  readonly length: number;
  /** Canonical text. */
  readonly text: string;
}

/** Bits of an address of this family. */
export function addressBits(version: IpVersion): 32 | 128 {
  return version === 4 ? 32 : 128;
}

/**
 * Reads `192.0.2.0/24`, or a bare address as its host prefix. An error is returned as text for the person who
 * wrote it: not a prefix, a length out of range, or host bits set (which would silently mean another network).
 */
export function parsePrefix(text: string): Prefix | string {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return `"${text}" is not an IP address or prefix`;
  const bits = addressBits(address.version);
  const lengthText = slash < 0 ? String(bits) : text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(lengthText) || Number(lengthText) > bits) {
    return `"${text}" must have a prefix length from 0 to ${bits}`;
  }
  const prefix = prefixOf(address, Number(lengthText));
  if (!sameAddress(prefix.address, address)) {
    return `"${text}" has host bits set, did you mean ${prefix.text}?`;
  }
  return prefix;
}

/** The prefix of this length that holds the address; host bits are masked away. */
export function prefixOf(address: Address, length: number): Prefix {
  const wide = address.version === 4 ? length + 96 : length;
  const masked = addressOfWords(
    maskWord(address.word0, wide),
    maskWord(address.word1, wide - 32),
    maskWord(address.word2, wide - 64),
    maskWord(address.word3, wide - 96),
  );
  // An IPv6 prefix masked down to the mapped range keeps its family.
  const network: Address = { ...masked, version: address.version };
  return { address: network, length, text: `${formatAddress(network)}/${length}` };
}

/** The /32 or /128 of an address. */
export function hostPrefix(address: Address): Prefix {
  return prefixOf(address, addressBits(address.version));
}

export function containsAddress(prefix: Prefix, address: Address): boolean {
  if (prefix.address.version !== address.version) return false;
  const wide = prefix.address.version === 4 ? prefix.length + 96 : prefix.length;
  return (
    maskWord(address.word0, wide) === prefix.address.word0 &&
    maskWord(address.word1, wide - 32) === prefix.address.word1 &&
    maskWord(address.word2, wide - 64) === prefix.address.word2 &&
    maskWord(address.word3, wide - 96) === prefix.address.word3
  );
}

/** Whether `inner` is completely in `outer`; a prefix covers itself. */
export function coversPrefix(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && containsAddress(outer, inner.address);
}

export function prefixesOverlap(a: Prefix, b: Prefix): boolean {
  return coversPrefix(a, b) || coversPrefix(b, a);
}

/** Addresses in the prefix; exact up to 2^53, then the nearest double. */
export function prefixSize(prefix: Prefix): number {
  return 2 ** (addressBits(prefix.address.version) - prefix.length);
}

/** Keeps the first `bits` bits of a word; any number of bits may be asked. */
function maskWord(word: number, bits: number): number {
  if (bits >= 32) return word;
  if (bits <= 0) return 0;
  return (word & (0xffffffff << (32 - bits))) >>> 0;
}
