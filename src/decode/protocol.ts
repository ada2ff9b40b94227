/*
 * The telemetry protocols, in the order of every per-protocol array and under the names that metrics and API use.
 */

export const PROTOCOLS = ['netflow5', 'netflow9', 'ipfix', 'sflow5'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** Indexes into `PROTOCOLS` and into the arrays kept per protocol. */
export const NETFLOW5 = 0;
export const NETFLOW9 = 1;
export const IPFIX = 2;
export const SFLOW5 = 3;
