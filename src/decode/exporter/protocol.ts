/*
 * The telemetry protocols: their names in metrics and API, and their order in every array that is kept per protocol.
 */

export const PROTOCOLS = ['netflow5', 'netflow9', 'ipfix', 'sflow5'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** Indexes into `PROTOCOLS` and into the arrays kept per protocol. */
export const NETFLOW5 = 0;
export const NETFLOW9 = 1;
export const IPFIX = 2;
export const SFLOW5 = 3;

/** The protocol of a version number on the NetFlow port; undefined where it is not supported. */
export function netflowProtocol(version: number): typeof NETFLOW5 | typeof NETFLOW9 | typeof IPFIX | undefined {
  switch (version) {
    case 5:
      return NETFLOW5;
    case 9:
      return NETFLOW9;
    case 10:
      return IPFIX;
    default:
      return undefined;
  }
}
