/*
 * Finds rows that no traffic can have made: a garbled or forged record can claim any number, and one absurd number would
 * hide every other flow of its host, or blackhole it. They are counted by reason and marked. Before they are accounted,
 * their counters are cleared; the row itself still counts as a flow record.
 */
import { DOUBTFUL, type FlowBatch } from '../flowBatch.ts';
import type { ExporterState } from './exporter/exporterState.ts';

/** The smallest IP packet is a header of 20 bytes, the largest has 65,535 (RFC 791 §3.1) and a link header. */
const LEAST_PACKET_BYTES = 20;
const MOST_PACKET_BYTES = 65_535 + 64;

/** Below this a record decides nothing: some exporters count payload only, or the packets of a burst as one. */
const MANY_PACKETS = 16;

/** The fastest interfaces are of 800 Gbit/s (IEEE 802.3df), which are 1.2 billion of the smallest frames a second. */
const MOST_BYTES_PER_SECOND = 800e9 / 8;
const MOST_PACKETS_PER_SECOND = 1.2e9;

/** A record counts for no longer than this (`engine/lastingFlows.ts`). */
const LONGEST_PERIOD_MS = 30 * 60_000;

/** The shortest period: a record may be of a burst. */
const SHORTEST_PERIOD_MS = 1000;

/**
 * Doubts packets and bytes that do not go together, in rows from `firstRow` on. A row without packets or without bytes
 * has nothing to compare, unless the records `haveBoth`: then many packets without a byte are absurd as well.
 */
export function doubtCounters(batch: FlowBatch, firstRow: number, exporter: ExporterState, haveBoth: boolean): void {
  const { sampledPackets, sampledBytes, end } = batch;
  for (let row = firstRow; row < end; row++) {
    const packets = sampledPackets[row];
    const bytes = sampledBytes[row];
    if (bytes >= LEAST_PACKET_BYTES * packets && bytes <= MOST_PACKET_BYTES * packets) continue;
    if (packets === 0 || (bytes === 0 && !haveBoth)) continue;
    if (packets < MANY_PACKETS && bytes <= MANY_PACKETS * MOST_PACKET_BYTES) continue;
    exporter.doubt('counters', 1, bytes === 0 ? packets : bytes);
    markDoubtful(batch, row);
  }
}

/**
 * Doubts rows of the datagram with more traffic than any interface could carry in their time, and all of them where they
 * have as much together, after their sampling rates were settled.
 */
export function doubtFlowRates(batch: FlowBatch, exporter: ExporterState): void {
  const { sampledPackets, sampledBytes, samplingRate, start, end } = batch;
  // Rows that are all below their share cannot be too much together.
  const packetShare = MOST_PACKETS_PER_SECOND / (end - start);
  const byteShare = MOST_BYTES_PER_SECOND / (end - start);
  let mayBeTooMuch = false;
  for (let row = start; row < end; row++) {
    const packets = sampledPackets[row] * samplingRate[row];
    const bytes = sampledBytes[row] * samplingRate[row];
    // Most rows would be plausible within a second.
    if (packets <= packetShare && bytes <= byteShare) continue;
    mayBeTooMuch = true;
    if (packets <= MOST_PACKETS_PER_SECOND && bytes <= MOST_BYTES_PER_SECOND) continue;
    const seconds = periodMs(batch, row, exporter) / 1000;
    if (packets <= MOST_PACKETS_PER_SECOND * seconds && bytes <= MOST_BYTES_PER_SECOND * seconds) continue;
    if ((batch.flowFlags[row] & DOUBTFUL) !== 0) continue;
    exporter.doubt('flow_rate', 1, Math.max(packets, bytes) / seconds);
    markDoubtful(batch, row);
  }
  // Rows that waited for their template are of many datagrams.
  if (mayBeTooMuch && !batch.holdsBacklog) doubtTogether(batch, exporter);
}

/** Doubts all rows of the datagram where those that are not doubtful alone are so together. */
function doubtTogether(batch: FlowBatch, exporter: ExporterState): void {
  const { sampledPackets, sampledBytes, samplingRate, flowFlags, start, end } = batch;
  let packets = 0;
  let bytes = 0;
  for (let row = start; row < end; row++) {
    if ((flowFlags[row] & DOUBTFUL) !== 0) continue;
    const rate = samplingRate[row] / (periodMs(batch, row, exporter) / 1000);
    packets += sampledPackets[row] * rate;
    bytes += sampledBytes[row] * rate;
  }
  if (packets <= MOST_PACKETS_PER_SECOND && bytes <= MOST_BYTES_PER_SECOND) return;
  for (let row = start; row < end; row++) {
    if ((flowFlags[row] & DOUBTFUL) !== 0) continue;
    exporter.doubt('flow_rate', 1, Math.max(packets, bytes));
    markDoubtful(batch, row);
  }
}

export function markDoubtful(batch: FlowBatch, row: number): void {
  batch.flowFlags[row] |= DOUBTFUL;
  batch.hasFlagsOrDirections = true;
  batch.hasDoubtful = true;
}

/** Clears the counters of the datagram's rows that were marked. */
export function clearDoubtful(batch: FlowBatch): void {
  if (!batch.hasDoubtful) return;
  for (let row = batch.start; row < batch.end; row++) {
    if ((batch.flowFlags[row] & DOUBTFUL) === 0) continue;
    batch.sampledPackets[row] = 0;
    batch.sampledBytes[row] = 0;
  }
}

/** The longest time for which the row may count. */
function periodMs(batch: FlowBatch, row: number, { activeTimeout }: ExporterState): number {
  const longest = activeTimeout.longestMs || LONGEST_PERIOD_MS;
  return Math.max(SHORTEST_PERIOD_MS, Math.min(batch.durationMs[row], longest));
}
