/*
 * The match of a manual FlowSpec ban as an operator writes it, in JSON or in flags of the same names: proto, src,
 * src_port, dst_port, tcp_flags, fragment, packet_length, icmp_type, dscp. Numbers may be numbers or text, lists may be
 * arrays or comma-separated text. GoBGP checks none of this, so whatever leaves here is complete and within range;
 * lists come out ascending and without repetition, so that one match has one NLRI.
 */
import type { Address } from '../net/address.ts';
import { type Prefix, parsePrefix } from '../net/prefix.ts';
import { DCCP, ICMP, ICMPV6, SCTP, TCP, UDP, UDP_LITE } from '../net/protocolNumbers.ts';
import { matchVictim } from './flowspecRules.ts';
import { type FlowspecMatch, type PortRange, protocolByName, tcpFlagByName } from './route.ts';

/** Values one component may list; a rule that needs more is no rule a router should be asked to hold. */
const MAX_VALUES = 16;

/** Protocols whose header starts with two ports. */
const WITH_PORTS = [TCP, UDP, DCCP, SCTP, UDP_LITE];

const KEYS = ['proto', 'src', 'src_port', 'dst_port', 'tcp_flags', 'fragment', 'packet_length', 'icmp_type', 'dscp'];

/**
 * The match, anchored on the target as destination; or, as text for the operator, what is wrong and what is allowed.
 */
export function parseFlowspecMatch(json: unknown, target: Address): FlowspecMatch | string {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return 'match must be an object';
  const given: { readonly [key: string]: unknown } = { ...json };
  const unknown = Object.keys(given).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) return `match.${unknown} is not known, must be one of ${KEYS.join(', ')}`;

  const protocols = parseProtocols(given.proto);
  if (typeof protocols === 'string') return protocols;
  const source = parseSource(given.src, target);
  if (typeof source === 'string') return source;
  const sourcePorts = parseRanges('src_port', given.src_port, 65535);
  if (typeof sourcePorts === 'string') return sourcePorts;
  const destinationPorts = parseRanges('dst_port', given.dst_port, 65535);
  if (typeof destinationPorts === 'string') return destinationPorts;
  const tcpFlags = parseTcpFlags(given.tcp_flags);
  if (typeof tcpFlags === 'string') return tcpFlags;
  const fragment = parseSwitch('fragment', given.fragment);
  if (typeof fragment === 'string') return fragment;
  const packetLengths = parseRanges('packet_length', given.packet_length, 65535);
  if (typeof packetLengths === 'string') return packetLengths;
  const icmpTypes = parseNumbers('icmp_type', given.icmp_type, 255);
  if (typeof icmpTypes === 'string') return icmpTypes;
  const dscp = parseNumbers('dscp', given.dscp, 63);
  if (typeof dscp === 'string') return dscp;

  const match: FlowspecMatch = {
    destination: matchVictim(target).destination,
    source,
    protocols,
    sourcePorts,
    destinationPorts,
    tcpFlags,
    fragment,
    packetLengths,
    icmpTypes,
    dscp,
  };
  return contradiction(match, target) ?? match;
}

/** Components that can never match together, which is a slip of the operator's and not a rule. */
function contradiction(match: FlowspecMatch, target: Address): string | undefined {
  const { protocols } = match;
  const onlyOf = (allowed: readonly number[]) => protocols.every((protocol) => allowed.includes(protocol));
  if ((match.sourcePorts.length > 0 || match.destinationPorts.length > 0) && !onlyOf(WITH_PORTS)) {
    return 'match.src_port and match.dst_port need a proto that has ports: tcp, udp or sctp';
  }
  if (match.tcpFlags !== undefined && !(protocols.length === 1 && protocols[0] === TCP)) {
    return 'match.tcp_flags needs proto tcp';
  }
  const icmp = target.version === 4 ? ICMP : ICMPV6;
  if (match.icmpTypes.length > 0 && !(protocols.length === 1 && protocols[0] === icmp)) {
    return `match.icmp_type needs proto ${target.version === 4 ? 'icmp' : 'icmp6'}`;
  }
  return undefined;
}

function parseSource(value: unknown, target: Address): Prefix | undefined | string {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') return 'match.src must be an address or prefix as text';
  const prefix = parsePrefix(value);
  if (typeof prefix === 'string') return `match.src: ${prefix}`;
  if (prefix.address.version !== target.version) return `match.src must be IPv${target.version} like the target`;
  if (prefix.length === 0) return 'match.src must not be the whole internet, leave it out instead';
  return prefix;
}

function parseProtocols(value: unknown): number[] | string {
  const allowed = 'match.proto must be a name (tcp, udp, icmp, icmp6, gre, esp, ah, sctp) or a number from 0 to 255';
  const numbers: number[] = [];
  for (const item of listItems(value)) {
    const number = protocolByName(item.toLowerCase()) ?? integerOf(item, 255);
    if (number === undefined) return `${allowed}, got "${item}"`;
    numbers.push(number);
  }
  return ascending('proto', numbers);
}

function parseNumbers(key: string, value: unknown, max: number): number[] | string {
  const numbers: number[] = [];
  for (const item of listItems(value)) {
    const number = integerOf(item, max);
    if (number === undefined) return `match.${key} must be a number from 0 to ${max}, got "${item}"`;
    numbers.push(number);
  }
  return ascending(key, numbers);
}

/** `80`, `"1000-2000"`, `"80,443"`, `[80, "1000-2000"]`; overlapping ranges are joined. */
function parseRanges(key: string, value: unknown, max: number): PortRange[] | string {
  const ranges: { from: number; to: number }[] = [];
  for (const item of listItems(value)) {
    const [first, second, ...rest] = item.split('-');
    const from = integerOf(first, max);
    const to = second === undefined ? from : integerOf(second, max);
    if (from === undefined || to === undefined || rest.length > 0 || from > to) {
      return `match.${key} must be a number from 0 to ${max} or a range "low-high", got "${item}"`;
    }
    ranges.push({ from, to });
  }
  ranges.sort((a, b) => a.from - b.from);
  const joined: { from: number; to: number }[] = [];
  for (const range of ranges) {
    const last = joined.at(-1);
    if (last !== undefined && range.from <= last.to + 1) last.to = Math.max(last.to, range.to);
    else joined.push(range);
  }
  return joined.length > MAX_VALUES ? `match.${key} must name at most ${MAX_VALUES} values or ranges` : joined;
}

/** `"syn,!ack"`: set and clear. */
function parseTcpFlags(value: unknown): { set: number; clear: number } | undefined | string {
  const allowed = 'match.tcp_flags must name flags of fin syn rst psh ack urg ece cwr, like "syn,!ack"';
  let set = 0;
  let clear = 0;
  for (const item of listItems(value)) {
    const negated = item.startsWith('!');
    const bit = tcpFlagByName((negated ? item.slice(1) : item).toLowerCase());
    if (bit === undefined) return `${allowed}, got "${item}"`;
    if (negated) clear |= bit;
    else set |= bit;
  }
  if ((set & clear) !== 0) return 'match.tcp_flags must not want a flag both set and clear';
  return set === 0 && clear === 0 ? undefined : { set, clear };
}

function parseSwitch(key: string, value: unknown): boolean | string {
  if (value === undefined) return false;
  return typeof value === 'boolean' ? value : `match.${key} must be true or false`;
}

/** What a list holds, as text; a single value is a list of one, an absent one is empty. */
function listItems(value: unknown): string[] {
  if (value === undefined) return [];
  const items: readonly unknown[] = Array.isArray(value)
    ? value
    : typeof value === 'string'
      ? value.split(',')
      : [value];
  return items.map((item) => (typeof item === 'string' ? item.trim() : JSON.stringify(item)));
}

function integerOf(text: string, max: number): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= max ? Number(text) : undefined;
}

function ascending(key: string, numbers: readonly number[]): number[] | string {
  const unique = [...new Set(numbers)].sort((a, b) => a - b);
  return unique.length > MAX_VALUES ? `match.${key} must name at most ${MAX_VALUES} values` : unique;
}
