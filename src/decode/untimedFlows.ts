/*
 * Records without any times, of flows that were not seen before: nothing says how long their packets took. At one instant
 * the first records of a few lasting flows, each of a minute or an hour, would look like an attack. So it is assumed that a
 * flow was not faster than most are; from its next record on the time between two is known.
 */
import { COUNTS_FROM_START, type FlowBatch, UNTIMED } from '../flowBatch.ts';
import type { ExporterState } from './exporter/exporterState.ts';
import { MAX_DURATION_MS } from './flowRows.ts';

/** Packets and bytes (10 Mbit/s) of such a flow in a second. */
const ASSUMED_PACKETS = 1000;
const ASSUMED_BYTES = 1_250_000;

/** The active timeout of an exporter of which nothing is known: what most are configured to. */
const USUAL_TIMEOUT_MS = 60_000;

/** Sets the durations of the datagram's untimed rows, after their sampling rates were settled. */
export function assumeDurations(batch: FlowBatch, { activeTimeout }: ExporterState): void {
  if (!batch.hasUntimed) return;
  const { sampledPackets, sampledBytes, samplingRate, durationMs, flowFlags, start, end } = batch;
  const longestDeltaMs = activeTimeout.longestMs || USUAL_TIMEOUT_MS;
  for (let row = start; row < end; row++) {
    // One packet has no duration, whatever its sampling rate.
    if ((flowFlags[row] & UNTIMED) === 0 || sampledPackets[row] === 1) continue;
    const seconds =
      Math.max(sampledPackets[row] / ASSUMED_PACKETS, sampledBytes[row] / ASSUMED_BYTES) * samplingRate[row];
    // A total may be of weeks.
    const longestMs = (flowFlags[row] & COUNTS_FROM_START) !== 0 ? MAX_DURATION_MS : longestDeltaMs;
    if (seconds >= 1) durationMs[row] = Math.min(longestMs, seconds * 1000);
  }
}
