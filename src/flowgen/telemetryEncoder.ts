/*
 * What the four encoders have in common: flow records in, the datagrams of an exporter out.
 */
import type { FlowRecord } from './flowRecord.ts';

export interface TelemetryEncoder {
  /** Datagrams of at most 1,464 bytes that report these flows, which ended at `nowMs` (epoch milliseconds). */
  encode(records: readonly FlowRecord[], nowMs: number): Uint8Array[];
}
