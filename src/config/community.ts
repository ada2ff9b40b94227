/*
 * BGP communities as the config file writes them: standard (RFC 1997, `64496:666`), large (RFC 8092,
 * `64496:1:2`), or the name of a well-known one.
 */

/** A standard community (RFC 1997) as its 32-bit value, or a large one (RFC 8092) as three. `text` as it is shown. */
export type Community =
  | { readonly kind: 'standard'; readonly value: number; readonly text: string }
  | { readonly kind: 'large'; readonly value: readonly [number, number, number]; readonly text: string };

/** BLACKHOLE is RFC 7999 §5, the other two are RFC 1997. */
const WELL_KNOWN: Readonly<Record<string, string>> = {
  blackhole: '65535:666',
  'no-export': '65535:65281',
  'no-advertise': '65535:65282',
};

export const COMMUNITY_FORMS = 'ASN:value, A:B:C (large), blackhole, no-export or no-advertise';

/** Reads a community; what is wrong with the text comes back as a message. */
export function parseCommunity(text: string): Community | string {
  const digits = (Object.hasOwn(WELL_KNOWN, text) ? WELL_KNOWN[text] : text).split(':');
  if (digits.length < 2 || digits.length > 3 || !digits.every((part) => /^(0|[1-9]\d{0,9})$/.test(part))) {
    return `must be a community (${COMMUNITY_FORMS}), got "${text}"`;
  }
  const parts = digits.map(Number);
  if (parts.length === 2) {
    if (parts.some((part) => part > 0xffff)) {
      return `must be a community whose two parts are at most 65535 (a larger ASN needs the large form A:B:C), got "${text}"`;
    }
    return { kind: 'standard', value: parts[0] * 0x10000 + parts[1], text: parts.join(':') };
  }
  if (parts.some((part) => part > 0xffffffff)) {
    return `must be a large community whose three parts are at most 4294967295, got "${text}"`;
  }
  return { kind: 'large', value: [parts[0], parts[1], parts[2]], text: parts.join(':') };
}
