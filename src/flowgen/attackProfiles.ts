/*
 * What each named attack looks like on the wire, as tables. Names are those of the classification, so that what is sent
 * and what is detected can be compared; `normal` is ordinary traffic.
 */
import { ACK, PSH, REFLECTOR_PORTS, SYN } from '../net/protocolNumbers.ts';

/** One kind of packet in an attack. */
export interface AttackVector {
  readonly transport: 'udp' | 'tcp' | 'icmp';
  /** `any`: a different one with each packet. ICMP and later fragments have none. */
  readonly srcPort: number | 'any';
  readonly dstPort: number | 'any';
  readonly tcpFlags: number;
  readonly fragment: boolean;
  /** Length of transport header and payload. */
  readonly transportBytes: number;
  /** How many different sources it comes from. */
  readonly sources: number;
}

/** Sources of an attack that forges them. */
const SPOOFED = 100_000;

/** Open servers that an attacker uses as reflectors. */
const REFLECTORS = 300;

const udp = { transport: 'udp', srcPort: 'any', dstPort: 'any', tcpFlags: 0, fragment: false } as const;
const tcp = { ...udp, transport: 'tcp' } as const;
const icmp = { ...udp, transport: 'icmp' } as const;

const reflected = (type: keyof typeof REFLECTOR_PORTS, transportBytes: number): AttackVector => {
  return { ...udp, srcPort: REFLECTOR_PORTS[type], transportBytes, sources: REFLECTORS };
};

const SYN_FLOOD: AttackVector = { ...tcp, dstPort: 443, tcpFlags: SYN, transportBytes: 40, sources: SPOOFED };
const UDP_FLOOD: AttackVector = { ...udp, transportBytes: 492, sources: SPOOFED };
const ICMP_FLOOD: AttackVector = { ...icmp, transportBytes: 64, sources: SPOOFED };
const TCP_FLOOD: AttackVector = { ...tcp, dstPort: 443, tcpFlags: ACK, transportBytes: 40, sources: SPOOFED };
const FRAGMENT_FLOOD: AttackVector = { ...udp, fragment: true, transportBytes: 1_400, sources: SPOOFED };

/** The vectors of each attack, all equally frequent. */
export const ATTACK_PROFILES = {
  ntp_amplification: [reflected('ntp_amplification', 448)],
  dns_amplification: [reflected('dns_amplification', 1_400)],
  cldap_amplification: [reflected('cldap_amplification', 1_400)],
  memcached_amplification: [reflected('memcached_amplification', 1_408)],
  ssdp_amplification: [reflected('ssdp_amplification', 320)],
  chargen_amplification: [reflected('chargen_amplification', 1_024)],
  syn_flood: [SYN_FLOOD],
  fragment_flood: [FRAGMENT_FLOOD],
  icmp_flood: [ICMP_FLOOD],
  udp_flood: [UDP_FLOOD],
  tcp_flood: [TCP_FLOOD],
  mixed: [SYN_FLOOD, UDP_FLOOD, ICMP_FLOOD, TCP_FLOOD],
  normal: [
    { ...tcp, dstPort: 443, tcpFlags: ACK | PSH, transportBytes: 600, sources: 500 },
    { ...tcp, dstPort: 443, tcpFlags: ACK, transportBytes: 32, sources: 500 },
    { ...tcp, dstPort: 25, tcpFlags: ACK | PSH, transportBytes: 1_000, sources: 50 },
    { ...udp, srcPort: 53, transportBytes: 150, sources: 5 },
  ],
} as const satisfies Record<string, readonly AttackVector[]>;

export type AttackName = keyof typeof ATTACK_PROFILES;

export const ATTACK_NAMES = Object.keys(ATTACK_PROFILES) as readonly AttackName[];

/** Finds an attack by its name, or without its ending: `ntp`, `syn`; undefined where there is none. */
export function findAttack(text: string): AttackName | undefined {
  const wanted = text.toLowerCase().replaceAll('-', '_');
  return ATTACK_NAMES.find((name) => name === wanted || name.replace(/_(amplification|flood)$/, '') === wanted);
}

export function hasFragments(attack: AttackName): boolean {
  return ATTACK_PROFILES[attack].some((vector) => vector.fragment);
}
