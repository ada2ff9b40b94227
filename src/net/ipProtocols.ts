/*
 * IP protocol numbers, which are also the numbers of IPv6 extension headers (IANA's registry of protocol numbers).
 */
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
export const SCTP = 132;
export const MOBILITY = 135;
export const UDP_LITE = 136;
export const HIP = 139;
export const SHIM6 = 140;

export function isIcmp(ipProtocol: number): boolean {
  return ipProtocol === ICMP || ipProtocol === ICMPV6;
}
