/*
 * How much decoding remembers of one exporter. Anybody can send UDP datagrams in an exporter's name, so every table has
 * a limit, and a hostile sender can make one exporter take a few megabytes at most.
 */

export interface DecodeLimits {
  /** Observation domains: those of IPFIX, v9 source ids, v5 engines and sFlow sub-agents together. */
  readonly domains: number;
  /** Templates over all domains. The most that were seen from one exporter are 30, from a Cisco ASA. */
  readonly templates: number;
  /** Bytes of all template records. This bounds the memory, since a template may have one field or thousands. */
  readonly templateBytes: number;
  /** Sampling rates over all domains, samplers and interfaces. */
  readonly samplingRates: number;
  /** Data sets that wait for their template. A FortiGate sends about 80 before it. */
  readonly awaitingSets: number;
  readonly awaitingBytes: number;
  /** Milliseconds that a data set may wait. Older traffic says nothing about an attack that is in progress now. */
  readonly awaitingMs: number;
}

export const DEFAULT_DECODE_LIMITS: DecodeLimits = {
  domains: 256,
  templates: 1024,
  templateBytes: 131_072,
  samplingRates: 4096,
  awaitingSets: 512,
  awaitingBytes: 131_072,
  awaitingMs: 10_000,
};
