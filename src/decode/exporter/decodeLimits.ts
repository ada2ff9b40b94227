/*
 * How much of one exporter decoding remembers. Telemetry comes over UDP from whoever claims to be the exporter, so
 * every table has a limit, and the worst that a hostile sender can make of one exporter stays at a few megabytes.
 */

export interface DecodeLimits {
  /** Observation domains, v9 source ids, v5 engines and sFlow sub-agents together. */
  readonly domains: number;
  /** Templates over all domains. The most seen of one exporter is 30, of a Cisco ASA. */
  readonly templates: number;
  /** Bytes of all template announcements: they bound the memory, since a template may have one field or thousands. */
  readonly templateBytes: number;
  /** Sampling rates over all domains, samplers and interfaces. */
  readonly samplingRates: number;
  /** Data sets that wait for their template. A FortiGate sends some 80 before it. */
  readonly awaitingSets: number;
  readonly awaitingBytes: number;
  /** Milliseconds a data set may wait. Traffic older than a few windows is no evidence of an attack going on now. */
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
