/*
 * Flags in the low eight bits of the TCP header's flag field (RFC 9293 §3.1).
 */
export const SYN = 0x02;
export const PSH = 0x08;
export const ACK = 0x10;

/** Names of the flags, lowest bit first. */
export const TCP_FLAG_NAMES: readonly string[] = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr'];
