/*
 * The type of an attack, and the reason in a sentence. The shares of protocols come from the rates, which count every
 * flow; the source port of an amplification comes from the sample.
 */
import { REFLECTOR_PORTS, UDP } from '../net/protocolNumbers.ts';
import { type Metric, offsetOf, type Rates } from '../trafficMetrics.ts';
import {
  type AttackReason,
  type AttackSample,
  type AttackType,
  type Classification,
  UNKNOWN_VECTOR,
} from './attack.ts';
import type { GroupPlan } from './enginePlan.ts';

/** By source port, as samples have it. */
const AMPLIFICATION_BY_PORT: ReadonlyMap<string, AttackType> = new Map(
  Object.entries(REFLECTOR_PORTS).map(([type, port]) => [String(port), type as keyof typeof REFLECTOR_PORTS]),
);

/** From this share of the traffic on, one kind gives the attack its type; below it the attack is mixed. */
const DOMINANT_SHARE = 0.6;

/** The metrics that show each kind, the most specific first. */
const KINDS: readonly (readonly [AttackType, Metric, Metric])[] = [
  ['fragment_flood', 'frag_pps', 'frag_mbps'],
  ['syn_flood', 'tcp_syn_pps', 'tcp_syn_mbps'],
  ['icmp_flood', 'icmp_pps', 'icmp_mbps'],
  ['udp_flood', 'udp_pps', 'udp_mbps'],
  ['tcp_flood', 'tcp_pps', 'tcp_mbps'],
];

export function classify(rates: Rates, sample: AttackSample): Classification {
  const amplification = amplificationOf(rates, sample);
  if (amplification !== undefined) return amplification;
  for (const [type, pps, mbps] of KINDS) {
    const share = Math.max(shareOf(rates[pps], rates.pps), shareOf(rates[mbps], rates.mbps));
    if (share >= DOMINANT_SHARE) return { type, confidence: share, srcPort: undefined };
  }
  return UNKNOWN_VECTOR;
}

/**
 * The responses of a reflector are large, so most of them may be fragments, of which only the first has the port:
 * the port must stand for most of what has ports, and UDP for most of all.
 */
function amplificationOf(rates: Rates, sample: AttackSample): Classification | undefined {
  const udp = sample.protocols.find(({ key }) => key === String(UDP));
  const udpShare = Math.max(
    shareOf(rates.udp_pps, rates.pps),
    shareOf(rates.udp_mbps, rates.mbps),
    shareOf(udp?.packets, sample.totalPackets),
  );
  if (udpShare < DOMINANT_SHARE) return undefined;
  const withPorts = sample.topSrcPorts.reduce((sum, { packets }) => sum + packets, 0);
  const bytesWithPorts = sample.topSrcPorts.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { key, packets, bytes } of sample.topSrcPorts) {
    const type = AMPLIFICATION_BY_PORT.get(key);
    if (type === undefined) continue;
    const share = Math.max(shareOf(packets, withPorts), shareOf(bytes, bytesWithPorts));
    if (share >= DOMINANT_SHARE) return { type, confidence: Math.min(share, udpShare), srcPort: Number(key) };
  }
  return undefined;
}

/** In words: `udp_pps 48,120 over the limit 10,000 of group web; 97 % udp, 3 % tcp`. */
export function reasonOf(metric: Metric, rates: Rates, threshold: number, group: GroupPlan): AttackReason {
  const source = group.limitSources[offsetOf(metric)] === 'group' ? `of group ${group.name}` : 'of all hosts';
  const shares = protocolShares(rates);
  const mix = (['udp', 'tcp', 'icmp'] as const)
    .map((protocol) => ({ protocol, percent: Math.round(100 * shares[protocol]) }))
    .filter(({ percent }) => percent > 0)
    .sort((a, b) => b.percent - a.percent)
    .map(({ protocol, percent }) => `${percent} % ${protocol}`);
  const limit = `${metric} ${numberText(rates[metric] ?? 0)} over the limit ${numberText(threshold)} ${source}`;
  const text = mix.length === 0 ? limit : `${limit}; ${mix.join(', ')}`;
  return { text, thresholdSource: 'static', shares };
}

/** Of an attack whose traffic is not known. */
export const NO_SHARES: AttackReason['shares'] = { tcp: 0, udp: 0, icmp: 0, other: 0 };

function protocolShares(rates: Rates): AttackReason['shares'] {
  const tcp = shareOf(rates.tcp_pps, rates.pps);
  const udp = shareOf(rates.udp_pps, rates.pps);
  const icmp = shareOf(rates.icmp_pps, rates.pps);
  const isIdle = (rates.pps ?? 0) <= 0;
  return { tcp, udp, icmp, other: isIdle ? 0 : Math.max(0, 1 - tcp - udp - icmp) };
}

function shareOf(part: number | undefined, whole: number | undefined): number {
  return part === undefined || whole === undefined || whole <= 0 ? 0 : Math.min(1, part / whole);
}

/** Thousands grouped by commas; a fraction only where it matters. */
function numberText(value: number): string {
  const rounded = value < 100 ? Math.round(value * 10) / 10 : Math.round(value);
  const [whole, fraction] = String(rounded).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}
