/*
 * The arguments of `kapkan ban` as the body of the request. What can be checked without the daemon is checked here, with
 * the daemon's own rules, so that a mistake is a usage error and not a refused request.
 */
import { parseFlowspecMatch } from '../../mitigation/parseFlowspecMatch.ts';
import { parseAddress } from '../../net/address.ts';
import { parseDuration } from '../humanUnits.ts';

export const BAN_OPTIONS = {
  ttl: { type: 'string' },
  method: { type: 'string' },
  comment: { type: 'string' },
  'allow-fallback': { type: 'boolean' },
  proto: { type: 'string' },
  src: { type: 'string' },
  'src-port': { type: 'string' },
  'dst-port': { type: 'string' },
  'tcp-flags': { type: 'string' },
  fragment: { type: 'boolean' },
  'packet-length': { type: 'string' },
  'icmp-type': { type: 'string' },
  dscp: { type: 'string' },
} as const;

/** Those that say which traffic is matched; in the API's `match` they have the same names with underscores. */
const MATCH_OPTIONS = [
  'proto',
  'src',
  'src-port',
  'dst-port',
  'tcp-flags',
  'fragment',
  'packet-length',
  'icmp-type',
  'dscp',
] as const;

const METHODS = ['blackhole', 'flowspec', 'divert'];

type BanFlags = { readonly [flag in keyof typeof BAN_OPTIONS]?: string | boolean };

/** The body, or what is wrong with the arguments. */
export function banRequestBody(ip: string, flags: BanFlags): Record<string, unknown> | string {
  const target = parseAddress(ip);
  if (target === undefined) return `"${ip}" is not an IPv4 or IPv6 address`;
  const body: Record<string, unknown> = { ip };
  if (flags.ttl !== undefined) {
    body.ttl_seconds = parseDuration(String(flags.ttl));
    if (body.ttl_seconds === undefined) return '--ttl must be a number of seconds, or one with s, m, h or d behind it';
  }
  if (flags.method !== undefined) {
    if (!METHODS.includes(String(flags.method))) return `--method must be one of ${METHODS.join(', ')}`;
    body.method = flags.method;
  }
  if (flags.comment !== undefined) body.comment = flags.comment;
  if (flags['allow-fallback'] === true) body.allow_fallback = true;

  const given = MATCH_OPTIONS.filter((option) => flags[option] !== undefined);
  if (given.length === 0) return body;
  if (body.method !== undefined && body.method !== 'flowspec') return `--${given[0]} only goes with --method flowspec`;
  const match = Object.fromEntries(given.map((option) => [option.replace('-', '_'), flags[option]]));
  const parsed = parseFlowspecMatch(match, target);
  return typeof parsed === 'string' ? parsed : { ...body, match };
}
