/*
 * The numbers of IP, TCP and UDP that Kapkan knows by name: IP protocols, TCP flags, and the ports of UDP reflectors.
 */

/** IP protocol numbers, which are also the numbers of IPv6 extension headers (IANA's registry of protocol numbers). */
export const HOP_BY_HOP = 0;
export const ICMP = 1;
export const IPV4_IN_IP = 4;
export const TCP = 6;
export const UDP = 17;
export const DCCP = 33;
export const IPV6_IN_IP = 41;
export const ROUTING = 43;
export const FRAGMENT = 44;
export const GRE = 47;
export const ESP = 50;
export const AUTHENTICATION = 51;
export const ICMPV6 = 58;
export const DESTINATION_OPTIONS = 60;
export const OSPF = 89;
export const SCTP = 132;
export const MOBILITY = 135;
export const UDP_LITE = 136;
export const HIP = 139;
export const SHIM6 = 140;

export function isIcmp(ipProtocol: number): boolean {
  return ipProtocol === ICMP || ipProtocol === ICMPV6;
}

/** Flags in the low eight bits of the TCP header's flag field (RFC 9293 §3.1). */
export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;

/** Names of the flags, lowest bit first. */
export const TCP_FLAG_NAMES: readonly string[] = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr'];

/**
 * UDP services that send larger responses than the requests they get, so that attackers use them as reflectors: the
 * source port of their responses, by the type of the attack.
 */
export const REFLECTOR_PORTS = {
  ntp_amplification: 123,
  dns_amplification: 53,
  cldap_amplification: 389,
  memcached_amplification: 11_211,
  ssdp_amplification: 1_900,
  chargen_amplification: 19,
} as const;
