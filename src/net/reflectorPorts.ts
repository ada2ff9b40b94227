/*
 * UDP services that send larger responses than the requests they get, so that attackers use them as reflectors: the source
 * port of their responses, by the type of the attack.
 */
export const REFLECTOR_PORTS = {
  ntp_amplification: 123,
  dns_amplification: 53,
  cldap_amplification: 389,
  memcached_amplification: 11_211,
  ssdp_amplification: 1_900,
  chargen_amplification: 19,
} as const;
