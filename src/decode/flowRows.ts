/*
 * What happens to rows of the batch as a whole: emptied before a record is read into them, and turned round for the
 * reverse direction of a record that describes both.
 */
import { type FlowBatch, SAMPLING_FROM_DEFAULT } from '../flowBatch.ts';

/**
 * Longest duration believed, a day in milliseconds. Active timeouts are minutes, an hour at most; anything beyond is a
 * clock that was set in between or a counter that ran over, and counts as unknown.
 */
export const MAX_DURATION_MS = 86_400_000;

/**
 * Empties rows but for their addresses, which whatever reads a row's addresses writes whole; the ring still holds what
 * was there a round ago.
 */
export function clearRows(batch: FlowBatch, row: number, count: number): void {
  const { srcPort, dstPort, ipProtocol, tcpFlags, sampledPackets, sampledBytes, inInterface, outInterface } = batch;
  for (let i = row; i < row + count; i++) {
    srcPort[i] = 0;
    dstPort[i] = 0;
    ipProtocol[i] = 0;
    tcpFlags[i] = 0;
    sampledPackets[i] = 0;
    sampledBytes[i] = 0;
    inInterface[i] = 0;
    outInterface[i] = 0;
  }
  clearOptionalColumns(batch, row, count);
}

/** Empties only what few templates fill: for those that load all other columns, a fifth of the time of a flow. */
export function clearOptionalColumns(batch: FlowBatch, row: number, count: number): void {
  const { fragment, samplingRate, samplingSource, durationMs } = batch;
  for (let i = row; i < row + count; i++) {
    fragment[i] = 0;
    samplingRate[i] = 0;
    samplingSource[i] = SAMPLING_FROM_DEFAULT;
    durationMs[i] = 0;
  }
}

/** Makes row `to` the other direction of row `from`: ends and interfaces exchanged, counters as given. */
export function writeReverseRow(batch: FlowBatch, from: number, to: number, packets: number, bytes: number): void {
  batch.src0[to] = batch.dst0[from];
  batch.src1[to] = batch.dst1[from];
  batch.src2[to] = batch.dst2[from];
  batch.src3[to] = batch.dst3[from];
  batch.dst0[to] = batch.src0[from];
  batch.dst1[to] = batch.src1[from];
  batch.dst2[to] = batch.src2[from];
  batch.dst3[to] = batch.src3[from];
  batch.srcPort[to] = batch.dstPort[from];
  batch.dstPort[to] = batch.srcPort[from];
  batch.ipProtocol[to] = batch.ipProtocol[from];
  batch.tcpFlags[to] = batch.tcpFlags[from];
  batch.fragment[to] = batch.fragment[from];
  batch.sampledPackets[to] = packets;
  batch.sampledBytes[to] = bytes;
  batch.samplingRate[to] = batch.samplingRate[from];
  batch.samplingSource[to] = batch.samplingSource[from];
  batch.durationMs[to] = batch.durationMs[from];
  batch.inInterface[to] = batch.outInterface[from];
  batch.outInterface[to] = batch.inInterface[from];
}
