/*
 * The encoder of each telemetry protocol by its name, and what a protocol cannot express.
 */
import type { Address, IpVersion } from '../net/address.ts';
import { IpfixEncoder } from './ipfixEncoder.ts';
import { MAX_NETFLOW5_SAMPLING, Netflow5Encoder } from './netflow5Encoder.ts';
import { Netflow9Encoder } from './netflow9Encoder.ts';
import { Sflow5Encoder } from './sflow5Encoder.ts';
import type { TelemetryEncoder } from './telemetryEncoder.ts';

export const TELEMETRY_PROTOCOLS = ['netflow5', 'netflow9', 'ipfix', 'sflow5'] as const;
export type TelemetryProtocol = (typeof TELEMETRY_PROTOCOLS)[number];

export interface ExporterOptions {
  /** One in how many packets the exporter says it samples; a whole number, at least 1. */
  readonly sampling: number;
  /** The address that sFlow states in its datagrams; the others have none. */
  readonly agent: Address;
}

export function createEncoder(protocol: TelemetryProtocol, options: ExporterOptions): TelemetryEncoder {
  switch (protocol) {
    case 'netflow5':
      return new Netflow5Encoder(options.sampling);
    case 'netflow9':
      return new Netflow9Encoder(options.sampling);
    case 'ipfix':
      return new IpfixEncoder(options.sampling);
    case 'sflow5':
      return new Sflow5Encoder(options.sampling, options.agent);
  }
}

/** Why this protocol cannot express such traffic; undefined if it can. */
export function protocolProblem(
  protocol: TelemetryProtocol,
  traffic: { readonly version: IpVersion; readonly sampling: number; readonly fragments: boolean },
): string | undefined {
  if (protocol !== 'netflow5') return undefined;
  if (traffic.version === 6) return 'netflow5 knows only IPv4; use netflow9, ipfix or sflow5 for an IPv6 target';
  if (traffic.fragments) return 'netflow5 has no field that marks fragments; use netflow9, ipfix or sflow5';
  if (traffic.sampling > MAX_NETFLOW5_SAMPLING) {
    return `netflow5 can state a sampling rate up to ${MAX_NETFLOW5_SAMPLING}, got ${traffic.sampling}`;
  }
  return undefined;
}
