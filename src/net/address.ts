/*
 * IP addresses, IPv4 and IPv6, as text and as the four words of the flow columns.
 * Text form is canonical: dotted quad, and RFC 5952 for IPv6.
 */

export type IpVersion = 4 | 6;

/** An address as the key of a Map: the word of an IPv4 address, the text of an IPv6 one. */
export type AddressKey = number | string;

/** Four 32-bit words, most significant first; IPv4 is IPv4-mapped (0, 0, 0xffff, address). */
export interface Address {
  readonly version: IpVersion;
  readonly word0: number;
  readonly word1: number;
  readonly word2: number;
  readonly word3: number;
}

/** Word 2 of an IPv4-mapped address (RFC 4291 §2.5.5.2); words 0 and 1 are zero. */
export const IPV4_MAPPED_WORD = 0xffff;

/** Reads an address; undefined where the text is not an address. IPv4-mapped IPv6 text gives the IPv4 address. */
export function parseAddress(text: string): Address | undefined {
  if (text.length > 45) return undefined;
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

export function addressOfWords(word0: number, word1: number, word2: number, word3: number): Address {
  const version = word0 === 0 && word1 === 0 && word2 === IPV4_MAPPED_WORD ? 4 : 6;
  return { version, word0, word1, word2, word3 };
}

export function formatAddress(address: Address): string {
  return formatWords(address.word0, address.word1, address.word2, address.word3);
}

/** Canonical text of an address held as words. */
export function formatWords(word0: number, word1: number, word2: number, word3: number): string {
  if (word0 === 0 && word1 === 0 && word2 === IPV4_MAPPED_WORD) return formatIpv4(word3);
  const groups = [
    word0 >>> 16,
    word0 & 0xffff,
    word1 >>> 16,
    word1 & 0xffff,
    word2 >>> 16,
    word2 & 0xffff,
    word3 >>> 16,
    word3 & 0xffff,
  ];
  return formatGroups(groups);
}

/** The key of an address held as words; making one for IPv4 costs nothing. */
export function addressKey(word0: number, word1: number, word2: number, word3: number): AddressKey {
  const isIpv4 = word0 === 0 && word1 === 0 && word2 === IPV4_MAPPED_WORD;
  return isIpv4 ? word3 : formatWords(word0, word1, word2, word3);
}

/** Canonical text of the address that has this key. */
export function addressKeyText(key: AddressKey): string {
  return typeof key === 'string' ? key : formatIpv4(key);
}

export function sameAddress(a: Address, b: Address): boolean {
  return a.word0 === b.word0 && a.word1 === b.word1 && a.word2 === b.word2 && a.word3 === b.word3;
}

function formatIpv4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/** RFC 5952 §4.2: the longest run of two or more zero groups, the first of equals, becomes `::`. */
function formatGroups(groups: readonly number[]): string {
  let bestStart = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; ) {
    let j = i;
    while (j < 8 && groups[j] === 0) j++;
    if (j - i > bestLength) {
      bestStart = i;
      bestLength = j - i;
    }
    i = j + 1;
  }
  const hex = groups.map((group) => group.toString(16));
  if (bestStart < 0) return hex.join(':');
  return `${hex.slice(0, bestStart).join(':')}::${hex.slice(bestStart + bestLength).join(':')}`;
}

/** Strict dotted quad: four decimal octets, no leading zeros (they read as octal elsewhere). */
function parseIpv4(text: string): Address | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let word = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part)) return undefined;
    const octet = Number(part);
    if (octet > 255) return undefined;
    word = word * 256 + octet;
  }
  return { version: 4, word0: 0, word1: 0, word2: IPV4_MAPPED_WORD, word3: word };
}

function parseIpv6(text: string): Address | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0], halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1], true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return addressOfWords(
    ((groups[0] << 16) | groups[1]) >>> 0,
    ((groups[2] << 16) | groups[3]) >>> 0,
    ((groups[4] << 16) | groups[5]) >>> 0,
    ((groups[6] << 16) | groups[7]) >>> 0,
  );
}

/** The groups of one side of `::`; an embedded dotted quad may only end the address. */
function parseGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: number[] = [];
  for (let i = 0; i < parts.length; i++) {
    if (mayEndInIpv4 && i === parts.length - 1 && parts[i].includes('.')) {
      const embedded = parseIpv4(parts[i]);
      if (embedded === undefined) return undefined;
      groups.push(embedded.word3 >>> 16, embedded.word3 & 0xffff);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(parts[i])) {
      groups.push(Number.parseInt(parts[i], 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

/** Whether a host, as an IP address or by the name `localhost`, is this machine's loopback interface. Never throws. */
export function isLoopback(host: string): boolean {
  const address = parseAddress(host);
  if (address === undefined) return host.toLowerCase() === 'localhost';
  if (address.version === 4) return address.word3 >>> 24 === 127;
  return address.word0 === 0 && address.word1 === 0 && address.word2 === 0 && address.word3 === 1;
}
