/*
 * The kinds of value that keys of the config file hold, as zod schemas. Each says in one phrase what is allowed, the
 * same phrase for every way of getting it wrong; `checkFile.ts` adds what was found instead.
 */
import * as z from 'zod';
import { type Address, type IpVersion, parseAddress } from '../net/address.ts';
import { parsePrefix } from '../net/prefix.ts';
import { COMMUNITY_FORMS, parseCommunity } from './community.ts';
import { GOBGP_ADDRESS_FORMS, parseGobgpAddress, parseSocketAddress, SOCKET_ADDRESS_FORMS } from './socketAddress.ts';

export const UINT32_MAX = 0xffff_ffff;
/** A year. A longer duration is a mistake of units. */
export const MAX_DURATION_SECONDS = 31_536_000;

export function integer(min: number, max: number) {
  const error = `must be an integer from ${min} to ${max}`;
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error });
}

export function number(min: number, max: number) {
  const error = `must be a number from ${min} to ${max}`;
  return z.number({ error }).min(min, { error }).max(max, { error });
}

export function positive() {
  const error = 'must be a number above 0';
  return z.number({ error }).gt(0, { error });
}

export function positiveUpTo(max: number) {
  const error = `must be a number above 0 and at most ${max}`;
  return z.number({ error }).gt(0, { error }).max(max, { error });
}

export function zeroOrMore() {
  const error = 'must be a number of at least 0';
  return z.number({ error }).min(0, { error });
}

export function seconds(min = 1, max = MAX_DURATION_SECONDS) {
  return integer(min, max);
}

export function flag() {
  return z.boolean({ error: 'must be true or false' });
}

export function choice<const Choices extends readonly string[]>(choices: Choices) {
  const quoted = choices.map((name) => `"${name}"`).join(', ');
  return z.enum(choices, { error: `must be one of ${quoted}` });
}

export function text(what: string, pattern = /\S/, maxLength = 4096) {
  const error = `must be ${what}`;
  return z.string({ error }).trim().regex(pattern, { error }).max(maxLength, { error });
}

/** A name for people, without control characters. */
export function name() {
  return text('a name of at most 64 characters', /^[ -~\u00a0-\uffff]+$/, 64);
}

export function environmentVariable() {
  return text('the name of an environment variable (letters, digits and _), not the secret itself', /^[A-Za-z_]\w*$/);
}

export const HTTP_URL = 'an http or https URL, without a user name or password in it';

export function httpUrl() {
  const error = `must be ${HTTP_URL}`;
  return z.string({ error }).trim().refine(isHttpUrl, { error });
}

/** `fetch` refuses a URL with a user name or password, and the file holds no secrets. */
export function isHttpUrl(written: string): boolean {
  if (!URL.canParse(written)) return false;
  const { protocol, username, password } = new URL(written);
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === '';
}

export function prefix() {
  const error = 'must be an IP prefix such as 192.0.2.0/24, or an address';
  return parsed(error, (written) => {
    const read = parsePrefix(written);
    return typeof read === 'string' ? `${error}: ${read}` : read;
  });
}

export function address() {
  return parsed('must be an IP address', (written) => {
    return parseAddress(written) ?? `must be an IP address, got "${written}"`;
  });
}

/** An address that a router may resolve: neither the unspecified one nor multicast. */
export function nextHop(version: IpVersion) {
  const allowed = `must be an IPv${version} address`;
  return parsed(allowed, (written) => {
    const read = parseAddress(written);
    if (read?.version !== version) return `${allowed}, got "${written}"`;
    return isUnicast(read) ? read : `${allowed} that is neither 0 nor multicast, got "${written}"`;
  });
}

export function community() {
  return parsed(`must be a community (${COMMUNITY_FORMS})`, parseCommunity);
}

export function socketAddress() {
  return parsed(`must be ${SOCKET_ADDRESS_FORMS}`, parseSocketAddress);
}

export function gobgpAddress() {
  return parsed(`must be ${GOBGP_ADDRESS_FORMS}`, parseGobgpAddress);
}

/** One text or a list of them; always read as a list. */
export function oneOrMore<Item extends z.ZodType<unknown, string>>(item: Item, what: string) {
  const error = `must be ${what} or a list of them`;
  return z
    .union([z.string(), z.array(z.string({ error: `must be ${what}` }))], { error })
    .transform((value) => (typeof value === 'string' ? [value] : value))
    .pipe(z.array(item).min(1, { error: `${error}, not an empty one` }));
}

export function list<Item extends z.ZodType>(item: Item) {
  return z.array(item, { error: 'must be a list' });
}

/** Text that `read` turns into a value, or into a message that says what is wrong with it. */
function parsed<Value extends object>(error: string, read: (written: string) => Value | string) {
  return z.string({ error }).transform((written, context) => {
    const value = read(written.trim());
    if (typeof value !== 'string') return value;
    context.addIssue({ code: 'custom', message: value });
    return z.NEVER;
  });
}

function isUnicast({ version, word0, word1, word2, word3 }: Address): boolean {
  if (version === 4) return word3 !== 0 && word3 < 0xe000_0000;
  return (word0 | word1 | word2 | word3) !== 0 && word0 >>> 24 !== 0xff;
}
