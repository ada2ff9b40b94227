/*
 * FlowSpec matches as NLRI and back (RFC 8955 §4.2, RFC 8956 §3). GoBGP takes any number for a value and some of them
 * crash it, so nothing leaves here that is not checked.
 *
 * A component is a type and items of an operator and a value:
 *   numeric operators   0x40 AND with the item before   0x04 less   0x02 greater   0x01 equal
 *   bitmask operators   0x40 AND with the item before   0x02 not    0x01 all of these bits
 * The bits for the end of the list (0x80) and the value's length (0x30) are GoBGP's to set, and ours to ignore.
 */
import { flowspecOctets, MAX_FLOWSPEC_OCTETS } from '../mitigation/harmlessFlowspec.ts';
import { type FlowspecMatch, MATCH_ALL, type PortRange } from '../mitigation/route.ts';
import { addressBits, type Prefix, parsePrefix } from '../net/prefix.ts';
import { checkPrefix, checkRange, refuse } from './routeCheck.ts';
import type { WireFlowspecItem, WireFlowspecRule } from './wirePath.ts';

/** Component types; rules are written in ascending order, as RFC 8955 §4.2 demands and GoBGP sorts. */
const DESTINATION = 1;
const SOURCE = 2;
const PROTOCOL = 3;
const DESTINATION_PORT = 5;
const SOURCE_PORT = 6;
const ICMP_TYPE = 7;
const TCP_FLAGS = 9;
const PACKET_LENGTH = 10;
const DSCP = 11;
const FRAGMENT = 12;

const AND = 0x40;
const EQUAL = 0x01;
const AT_LEAST = 0x03;
const AT_MOST = 0x05;
const ALL_BITS = 0x01;
const NOT_BITS = 0x02 | ALL_BITS;

const NUMERIC_OPERATOR = AND | 0x07;
const BITMASK_OPERATOR = AND | 0x03;

/** RFC 8955 §4.2.2.12: "is a fragment" is every fragment but the first, which has a bit of its own. */
const IS_FRAGMENT = 0x02;
const FIRST_FRAGMENT = 0x04;

/** Throws a `GobgpError` for a match that is not one. */
export function encodeFlowspecMatch(match: FlowspecMatch): WireFlowspecRule[] {
  const { destination, source, tcpFlags } = match;
  if (destination === undefined && source === undefined) refuse('a FlowSpec rule must name a destination or a source');
  if (destination && source && destination.address.version !== source.address.version) {
    refuse(`FlowSpec destination ${destination.text} and source ${source.text} must be of one family`);
  }
  const rules: WireFlowspecRule[] = [];
  if (destination !== undefined) rules.push(prefixRule(DESTINATION, destination));
  if (source !== undefined) rules.push(prefixRule(SOURCE, source));
  pushValues(rules, PROTOCOL, 'protocol', match.protocols, 255);
  pushRanges(rules, DESTINATION_PORT, 'destination port', match.destinationPorts);
  pushRanges(rules, SOURCE_PORT, 'source port', match.sourcePorts);
  pushValues(rules, ICMP_TYPE, 'ICMP type', match.icmpTypes, 255);
  if (tcpFlags !== undefined) rules.push({ component: { type: TCP_FLAGS, items: tcpFlagItems(tcpFlags) } });
  pushRanges(rules, PACKET_LENGTH, 'packet length', match.packetLengths);
  pushValues(rules, DSCP, 'DSCP', match.dscp, 63);
  if (match.fragment) rules.push({ component: { type: FRAGMENT, items: anyFragmentItems() } });
  const octets = flowspecOctets(match);
  if (octets > MAX_FLOWSPEC_OCTETS) {
    refuse(`a FlowSpec rule may be at most ${MAX_FLOWSPEC_OCTETS} octets long, this one is ${octets}`);
  }
  return rules;
}

/**
 * Undefined for a rule that `encodeFlowspecMatch` would not have written, which therefore is the NLRI of no route of
 * ours. The proof is that the reading encodes to the rule again, so what is read may be read generously.
 */
export function decodeFlowspecMatch(rules: readonly WireFlowspecRule[]): FlowspecMatch | undefined {
  const match: Draft = { ...MATCH_ALL };
  for (const { ipPrefix, component } of rules) {
    if (ipPrefix !== undefined) {
      const prefix = parsePrefix(`${ipPrefix.prefix}/${ipPrefix.prefixLen}`);
      if (typeof prefix === 'string' || ipPrefix.offset !== 0) return undefined;
      match[ipPrefix.type === DESTINATION ? 'destination' : 'source'] = prefix;
    } else if (component !== undefined) {
      readComponent(match, component.type, component.items);
    }
  }
  return encodesTo(match, rules) ? match : undefined;
}

type Draft = { -readonly [part in keyof FlowspecMatch]: FlowspecMatch[part] };

function readComponent(match: Draft, type: number, items: readonly WireFlowspecItem[]): void {
  switch (type) {
    case PROTOCOL:
      match.protocols = valuesOf(items);
      break;
    case DESTINATION_PORT:
      match.destinationPorts = rangesOf(items);
      break;
    case SOURCE_PORT:
      match.sourcePorts = rangesOf(items);
      break;
    case ICMP_TYPE:
      match.icmpTypes = valuesOf(items);
      break;
    case TCP_FLAGS:
      match.tcpFlags = tcpFlagsOf(items);
      break;
    case PACKET_LENGTH:
      match.packetLengths = rangesOf(items);
      break;
    case DSCP:
      match.dscp = valuesOf(items);
      break;
    case FRAGMENT:
      match.fragment = true;
      break;
  }
}

function prefixRule(type: number, prefix: Prefix): WireFlowspecRule {
  checkPrefix(prefix);
  const [address] = prefix.text.split('/');
  return { ipPrefix: { type, prefixLen: prefix.length, prefix: address, offset: 0 } };
}

function pushValues(
  rules: WireFlowspecRule[],
  type: number,
  name: string,
  values: readonly number[],
  max: number,
): void {
  if (values.length === 0) return;
  for (const value of values) checkRange(name, value, 0, max);
  rules.push({ component: { type, items: values.map((value) => ({ op: EQUAL, value })) } });
}

function pushRanges(rules: WireFlowspecRule[], type: number, name: string, ranges: readonly PortRange[]): void {
  if (ranges.length === 0) return;
  const items: WireFlowspecItem[] = [];
  for (const { from, to } of ranges) {
    checkRange(name, from, 0, 65_535);
    checkRange(name, to, from, 65_535);
    if (from === to) items.push({ op: EQUAL, value: from });
    else items.push({ op: AT_LEAST, value: from }, { op: AND | AT_MOST, value: to });
  }
  rules.push({ component: { type, items } });
}

/**
 * SYN and not ACK: `=S&!=A`. Every flag that must be clear is an item of its own, for "not these two" forbids only
 * both.
 */
function tcpFlagItems({ set, clear }: { readonly set: number; readonly clear: number }): WireFlowspecItem[] {
  checkRange('TCP flags to be set', set, 0, 255);
  checkRange('TCP flags to be clear', clear, 0, 255);
  if ((set & clear) !== 0 || (set | clear) === 0) refuse(`TCP flags must be set or clear, got ${set} and ${clear}`);
  const items: WireFlowspecItem[] = set === 0 ? [] : [{ op: ALL_BITS, value: set }];
  for (let flag = 1; flag <= 128; flag <<= 1) {
    if ((clear & flag) !== 0) items.push({ op: items.length === 0 ? NOT_BITS : AND | NOT_BITS, value: flag });
  }
  return items;
}

function tcpFlagsOf(items: readonly WireFlowspecItem[]): { set: number; clear: number } {
  const flags = { set: 0, clear: 0 };
  for (const { op, value } of items) {
    if ((op & NOT_BITS) === NOT_BITS) flags.clear |= value;
    else flags.set |= value;
  }
  return flags;
}

function anyFragmentItems(): WireFlowspecItem[] {
  return [
    { op: ALL_BITS, value: IS_FRAGMENT },
    { op: ALL_BITS, value: FIRST_FRAGMENT },
  ];
}

function valuesOf(items: readonly WireFlowspecItem[]): number[] {
  return items.map((item) => item.value);
}

function rangesOf(items: readonly WireFlowspecItem[]): PortRange[] {
  const ranges: PortRange[] = [];
  for (const { op, value } of items) {
    const last = ranges.at(-1);
    if ((op & AND) !== 0 && last !== undefined) ranges[ranges.length - 1] = { from: last.from, to: value };
    else ranges.push({ from: value, to: value });
  }
  return ranges;
}

function encodesTo(match: FlowspecMatch, rules: readonly WireFlowspecRule[]): boolean {
  let encoded: WireFlowspecRule[];
  try {
    encoded = encodeFlowspecMatch(match);
  } catch {
    return false;
  }
  return encoded.length === rules.length && encoded.every((rule, i) => sameRule(rule, rules[i]));
}

function sameRule(ours: WireFlowspecRule, listed: WireFlowspecRule): boolean {
  if (ours.ipPrefix !== undefined) {
    const { type, prefix, prefixLen } = ours.ipPrefix;
    return (
      type === listed.ipPrefix?.type && prefix === listed.ipPrefix.prefix && prefixLen === listed.ipPrefix.prefixLen
    );
  }
  if (ours.component === undefined || ours.component.type !== listed.component?.type) return false;
  const bitmask = ours.component.type === TCP_FLAGS || ours.component.type === FRAGMENT;
  return sameItems(listed.component.items, ours.component.items, bitmask ? BITMASK_OPERATOR : NUMERIC_OPERATOR);
}

function sameItems(a: readonly WireFlowspecItem[], b: readonly WireFlowspecItem[], operatorBits: number): boolean {
  return (
    a.length === b.length &&
    a.every(({ op, value }, i) => (op & operatorBits) === (b[i].op & operatorBits) && value === b[i].value)
  );
}

/** The address a rule of ours protects: its destination, or its source where the attack goes outward. */
export function flowspecVictim(match: FlowspecMatch): string {
  const anchor = match.destination ?? match.source;
  if (anchor === undefined) return '';
  return anchor.length === addressBits(anchor.address.version) ? anchor.text.split('/')[0] : anchor.text;
}
