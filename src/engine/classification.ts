/*
 * The type of an attack, its reason in a sentence, and when an active attack has changed its vector. The shares of
 * protocols come from the rates, which count every flow; the source port of an amplification comes from the sample.
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

/** By source port, as text as in samples. */
const AMPLIFICATION_BY_PORT: ReadonlyMap<string, AttackType> = new Map(
  Object.entries(REFLECTOR_PORTS).map(([type, port]) => [String(port), type as keyof typeof REFLECTOR_PORTS]),
);

/** A kind with at least this share of the traffic gives the attack its type; without one the attack is mixed. */
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
 * The responses of a reflector are large, so most packets may be fragments, and only the first fragment has the port.
 * So the port must have most of the traffic with ports, and UDP most of all traffic.
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

/** For example `udp_pps 48,120 over the limit 10,000 of group web; 97 % udp, 3 % tcp`. */
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

/** The shares of an attack whose traffic is not known. */
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

/** Time between two reviews of one attack. */
export const REVIEW_EVERY_MS = 1000;

/** Consecutive reviews that must find the same other vector. */
const REVIEWS_NEEDED = 2;

/**
 * After a change the vector stays for at least this long, so that an alternating flood does not move routes all the
 * time.
 */
export const LEAST_STAY_MS = 10_000;

interface ReviewState {
  reviewAt: number;
  /** The other vector that was found last, and in how many consecutive reviews. */
  found: string;
  times: number;
  mayChangeAt: number;
}

/**
 * Decides when an active attack is classified again, and when its vector has changed. An attacker who changes from NTP
 * reflection to SYN packets must get other FlowSpec rules within seconds; a mix that varies must not move routes.
 */
export class VectorReview {
  readonly #byAttack = new Map<string, ReviewState>();

  /** Whether the attack is due for a review. `now` must not decrease; true once for each review. */
  isDue(attackId: string, now: number): boolean {
    const state = this.#of(attackId, now);
    if (now < state.reviewAt) return false;
    state.reviewAt = now + REVIEW_EVERY_MS;
    return true;
  }

  /** Records what a review found. True where that is the attack's vector from now on. */
  confirm(attackId: string, current: Classification, found: Classification, now: number): boolean {
    const state = this.#of(attackId, now);
    const name = nameOf(found);
    if (name === nameOf(current)) {
      state.times = 0;
      return false;
    }
    state.times = state.found === name ? state.times + 1 : 1;
    state.found = name;
    if (state.times < REVIEWS_NEEDED || now < state.mayChangeAt) return false;
    state.times = 0;
    state.mayChangeAt = now + LEAST_STAY_MS;
    return true;
  }

  forget(attackId: string): void {
    this.#byAttack.delete(attackId);
  }

  clockStepped(deltaMs: number): void {
    for (const state of this.#byAttack.values()) {
      state.reviewAt += deltaMs;
      state.mayChangeAt += deltaMs;
    }
  }

  #of(attackId: string, now: number): ReviewState {
    let state = this.#byAttack.get(attackId);
    if (state === undefined) {
      state = { reviewAt: now + REVIEW_EVERY_MS, found: '', times: 0, mayChangeAt: now };
      this.#byAttack.set(attackId, state);
    }
    return state;
  }
}

function nameOf({ type, srcPort }: Classification): `${AttackType} ${number | undefined}` {
  return `${type} ${srcPort}`;
}
