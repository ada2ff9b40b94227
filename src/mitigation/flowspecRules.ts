/*
 * From an attack to the FlowSpec rules that answer it (RFC 8955, RFC 8956): as narrow as its vector allows, always
 * anchored on the victim as destination. A rule too wide does the attacker's work, one too narrow does nothing; so
 * where the sample shows no clear vector the victim alone is matched, as a blackhole would.
 */
import type { FlowspecConfig } from '../config/sections/flowspec.ts';
import type { Attack, AttackSample, Classification, SampledFlow, TopEntry } from '../engine/attack.ts';
import { type Address, parseAddress } from '../net/address.ts';
import { containsAddress, hostPrefix, type Prefix } from '../net/prefix.ts';
import { ACK, ICMP, ICMPV6, REFLECTOR_PORTS, SYN, TCP, UDP } from '../net/protocolNumbers.ts';
import { type FlowspecMatch, type FlowspecRoute, MATCH_ALL, type PortRange } from './route.ts';

/** Rules one ban may announce; routers hold few, and a ninth attacker is better met by not pinning sources at all. */
export const MAX_RULES_PER_BAN = 8;

/** Ports are dominant when together they carry this much of the sample … */
const DOMINANT_SHARE = 0.8;
/** … and each of them at least this much. */
const DOMINANT_PORT_SHARE = 0.1;

/** A match on the victim and nothing else. */
export function matchVictim(target: Address): FlowspecMatch {
  return { ...MATCH_ALL, destination: hostPrefix(target) };
}

/** Traffic-rate of the configured action, in bytes a second; 0 discards. */
export function actionRate(config: FlowspecConfig): number {
  return config.action === 'discard' ? 0 : ((config.rateMbps ?? 0) * 1e6) / 8;
}

/**
 * At most `MAX_RULES_PER_BAN` rules, all with the same action. Sources inside `neverMatched` (the whitelist) are never
 * pinned: a rule would cover them.
 */
export function flowspecRules(
  attack: Pick<Attack, 'target' | 'classification' | 'sample'>,
  config: FlowspecConfig,
  neverMatched: readonly Prefix[],
): FlowspecRoute[] {
  const vector = matchVector(attack.target, attack.classification, attack.sample);
  const sources = config.sourceAnchored
    ? dominantSources(attack.target, attack.sample, config.minSourceConcentration, neverMatched)
    : [];
  const matches = sources.length === 0 ? [vector] : sources.map((source) => ({ ...vector, source }));
  return matches.map((match) => ({ kind: 'flowspec', match, rateBytesPerSecond: actionRate(config) }));
}

/**
 * Whether a flow is one that the rule acts on. Packet length and DSCP are not in a sample, so such a rule matches none.
 */
export function matchesFlow(match: FlowspecMatch, flow: SampledFlow): boolean {
  return (
    holds(match.destination, flow.dst) &&
    holds(match.source, flow.src) &&
    (match.protocols.length === 0 || match.protocols.includes(flow.ipProtocol)) &&
    inRanges(match.destinationPorts, flow.dstPort) &&
    inRanges(match.sourcePorts, flow.srcPort) &&
    (match.tcpFlags === undefined || flagsFit(match.tcpFlags, flow.tcpFlags)) &&
    (!match.fragment || flow.fragment) &&
    (match.icmpTypes.length === 0 || match.icmpTypes.includes(flow.dstPort >>> 8)) &&
    match.packetLengths.length === 0 &&
    match.dscp.length === 0
  );
}

/**
 * Share of the sampled packets that the rules act on beyond what fits the classification, 0–1: an estimate of the
 * legitimate traffic that goes with the attack. Undefined without sampled flows.
 */
export function collateralShare(
  rules: readonly FlowspecRoute[],
  attack: Pick<Attack, 'classification' | 'sample'>,
): number | undefined {
  let total = 0;
  let matched = 0;
  for (const flow of attack.sample.flows) {
    total += flow.packets;
    if (rules.some((rule) => matchesFlow(rule.match, flow))) matched += flow.packets;
  }
  return total === 0 ? undefined : Math.max(0, matched / total - attack.classification.confidence);
}

function matchVector(target: Address, classification: Classification, sample: AttackSample): FlowspecMatch {
  const victim = matchVictim(target);
  switch (classification.type) {
    case 'ntp_amplification':
    case 'dns_amplification':
    case 'cldap_amplification':
    case 'memcached_amplification':
    case 'ssdp_amplification':
    case 'chargen_amplification':
      return {
        ...victim,
        protocols: [UDP],
        sourcePorts: [singlePort(classification.srcPort ?? REFLECTOR_PORTS[classification.type])],
      };
    case 'syn_flood':
      return { ...victim, protocols: [TCP], tcpFlags: { set: SYN, clear: ACK } };
    case 'fragment_flood':
      return { ...victim, fragment: true };
    case 'icmp_flood':
      return { ...victim, protocols: [target.version === 4 ? ICMP : ICMPV6] };
    case 'udp_flood':
      return { ...victim, protocols: [UDP] };
    case 'tcp_flood':
      return { ...victim, protocols: [TCP] };
    case 'mixed':
      return { ...victim, ...dominantPorts(sample) };
  }
}

function singlePort(port: number): PortRange {
  return { from: port, to: port };
}

/** The few ports that carry the attack, on the side where they are fewer; nothing where it is spread over many. */
function dominantPorts(
  sample: AttackSample,
):
  | Pick<FlowspecMatch, 'protocols' | 'destinationPorts'>
  | Pick<FlowspecMatch, 'protocols' | 'sourcePorts'>
  | undefined {
  // Only TCP and UDP have ports; what exporters put there for ICMP is a type and code.
  const withPorts = sample.protocols.filter(({ key }) => key === String(TCP) || key === String(UDP));
  const protocols = withPorts.map(({ key }) => Number(key)).sort((a, b) => a - b);
  const packets = withPorts.reduce((sum, entry) => sum + entry.packets, 0);
  if (packets < DOMINANT_SHARE * sample.totalPackets || protocols.length === 0) return undefined;

  const destinationPorts = portsAboveShare(sample.topDstPorts, sample.totalPackets);
  const sourcePorts = portsAboveShare(sample.topSrcPorts, sample.totalPackets);
  if (destinationPorts.length === 0 && sourcePorts.length === 0) return undefined;
  const bySource =
    destinationPorts.length === 0 || (sourcePorts.length > 0 && sourcePorts.length < destinationPorts.length);
  return bySource ? { protocols, sourcePorts } : { protocols, destinationPorts };
}

/** The largest ports until they are dominant together, in ascending order; empty where they never are. */
function portsAboveShare(entries: readonly TopEntry[], totalPackets: number): PortRange[] {
  const ports: number[] = [];
  let packets = 0;
  for (const entry of entries) {
    const port = Number(entry.key);
    // Port 0 stands for "no port": fragments behind the first, and protocols that have none.
    if (!Number.isInteger(port) || port < 1 || port > 65535) continue;
    if (entry.packets < DOMINANT_PORT_SHARE * totalPackets) break;
    ports.push(port);
    packets += entry.packets;
    if (packets >= DOMINANT_SHARE * totalPackets) return ports.sort((a, b) => a - b).map(singlePort);
  }
  return [];
}

/**
 * The largest attackers, as few as carry `concentration` of the sample; empty where that takes more than the rules
 * allow.
 */
function dominantSources(
  target: Address,
  sample: AttackSample,
  concentration: number,
  neverMatched: readonly Prefix[],
): Prefix[] {
  const sources: Prefix[] = [];
  let packets = 0;
  for (const entry of sample.topSources) {
    const address = parseAddress(entry.key);
    if (address === undefined || address.version !== target.version) continue;
    if (neverMatched.some((prefix) => containsAddress(prefix, address))) continue;
    sources.push(hostPrefix(address));
    packets += entry.packets;
    if (packets >= concentration * sample.totalPackets) return sources;
    if (sources.length === MAX_RULES_PER_BAN) break;
  }
  return [];
}

function holds(prefix: Prefix | undefined, addressText: string): boolean {
  if (prefix === undefined) return true;
  const address = parseAddress(addressText);
  return address !== undefined && containsAddress(prefix, address);
}

function inRanges(ranges: readonly PortRange[], value: number): boolean {
  return ranges.length === 0 || ranges.some(({ from, to }) => value >= from && value <= to);
}

function flagsFit(wanted: { readonly set: number; readonly clear: number }, flags: number): boolean {
  return (flags & wanted.set) === wanted.set && (flags & wanted.clear) === 0;
}
