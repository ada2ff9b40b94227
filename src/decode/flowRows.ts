/*
 * What decoders of every protocol do with rows of the batch: empty them, write a pair of addresses, turn a row round
 * for the reverse direction; and at the end of a datagram check its counters, settle its sampling rates and write its
 * exporter.
 */
import { type FlowBatch, SAMPLING_FROM_DEFAULT, SAMPLING_FROM_OVERRIDE } from '../flowBatch.ts';
import type { FlowExporter } from '../flowExporter.ts';
import { IPV4_MAPPED_WORD } from '../net/address.ts';

/** The longest duration that the column holds, seven weeks in milliseconds. */
export const MAX_DURATION_MS = 0xffff_ffff;

/**
 * Sets the columns of rows to 0, except the times, and the addresses: the code that reads addresses always writes both
 * whole. The rows of the ring still hold flows of an earlier round.
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

/**
 * Clears only the columns that few templates fill, without the times. For templates that load all the others this saves
 * a fifth of the time of a flow.
 */
export function clearOptionalColumns(batch: FlowBatch, row: number, count: number): void {
  const { fragment, samplingRate, samplingSource } = batch;
  for (let i = row; i < row + count; i++) {
    fragment[i] = 0;
    samplingRate[i] = 0;
    samplingSource[i] = SAMPLING_FROM_DEFAULT;
  }
  batch.clearFlagsAndDirections(row, count);
}

/** Clears the times of rows. */
export function clearTimes(batch: FlowBatch, row: number, count: number): void {
  const { durationMs, endAgoMs } = batch;
  for (let i = row; i < row + count; i++) {
    durationMs[i] = 0;
    endAgoMs[i] = 0;
  }
}

/** Reads eight bytes at `at`: source and destination, side by side as in an IPv4 header. */
export function readIpv4Pair(view: DataView, at: number, batch: FlowBatch, row: number): void {
  batch.src0[row] = 0;
  batch.src1[row] = 0;
  batch.src2[row] = IPV4_MAPPED_WORD;
  batch.src3[row] = view.getUint32(at);
  batch.dst0[row] = 0;
  batch.dst1[row] = 0;
  batch.dst2[row] = IPV4_MAPPED_WORD;
  batch.dst3[row] = view.getUint32(at + 4);
}

/** Reads 32 bytes at `at`: source and destination, side by side as in an IPv6 header. */
export function readIpv6Pair(view: DataView, at: number, batch: FlowBatch, row: number): void {
  batch.src0[row] = view.getUint32(at);
  batch.src1[row] = view.getUint32(at + 4);
  batch.src2[row] = view.getUint32(at + 8);
  batch.src3[row] = view.getUint32(at + 12);
  batch.dst0[row] = view.getUint32(at + 16);
  batch.dst1[row] = view.getUint32(at + 20);
  batch.dst2[row] = view.getUint32(at + 24);
  batch.dst3[row] = view.getUint32(at + 28);
}

/** Copies row `from` to row `to`. */
export function copyRow(batch: FlowBatch, from: number, to: number): void {
  batch.src0[to] = batch.src0[from];
  batch.src1[to] = batch.src1[from];
  batch.src2[to] = batch.src2[from];
  batch.src3[to] = batch.src3[from];
  batch.dst0[to] = batch.dst0[from];
  batch.dst1[to] = batch.dst1[from];
  batch.dst2[to] = batch.dst2[from];
  batch.dst3[to] = batch.dst3[from];
  batch.srcPort[to] = batch.srcPort[from];
  batch.dstPort[to] = batch.dstPort[from];
  batch.ipProtocol[to] = batch.ipProtocol[from];
  batch.tcpFlags[to] = batch.tcpFlags[from];
  batch.fragment[to] = batch.fragment[from];
  batch.sampledPackets[to] = batch.sampledPackets[from];
  batch.sampledBytes[to] = batch.sampledBytes[from];
  batch.samplingRate[to] = batch.samplingRate[from];
  batch.samplingSource[to] = batch.samplingSource[from];
  batch.durationMs[to] = batch.durationMs[from];
  batch.endAgoMs[to] = batch.endAgoMs[from];
  batch.flowFlags[to] = batch.flowFlags[from];
  batch.direction[to] = batch.direction[from];
  batch.inInterface[to] = batch.inInterface[from];
  batch.outInterface[to] = batch.outInterface[from];
}

/**
 * Writes row `to` as the reverse direction of row `from`: addresses, ports and interfaces swapped, counters as given.
 */
export function writeReverseRow(batch: FlowBatch, from: number, to: number, packets: number, bytes: number): void {
  copyRow(batch, from, to);
  swap(batch.src0, batch.dst0, to);
  swap(batch.src1, batch.dst1, to);
  swap(batch.src2, batch.dst2, to);
  swap(batch.src3, batch.dst3, to);
  swap(batch.srcPort, batch.dstPort, to);
  swap(batch.inInterface, batch.outInterface, to);
  batch.sampledPackets[to] = packets;
  batch.sampledBytes[to] = bytes;
}

function swap<Column extends Uint32Array | Uint16Array>(a: Column, b: Column, row: number): void {
  const value = a[row];
  a[row] = b[row];
  b[row] = value;
}

/**
 * Settles the sampling rate of the datagram's rows, the last step of decoding. `override` (0 = none) wins over what the
 * exporter states; `defaultRate` (at least 1) is used where it states nothing.
 */
export function resolveSampling(batch: FlowBatch, override: number, defaultRate: number): void {
  const { samplingRate, samplingSource, start, end } = batch;
  if (override > 0) {
    for (let i = start; i < end; i++) {
      samplingRate[i] = override;
      samplingSource[i] = SAMPLING_FROM_OVERRIDE;
    }
    return;
  }
  for (let i = start; i < end; i++) {
    if (samplingRate[i] === 0) samplingRate[i] = defaultRate;
  }
}

/** Writes the exporter of the datagram into its rows. */
export function writeExporter(batch: FlowBatch, flowExporter: FlowExporter): void {
  const { exporter, start, end } = batch;
  // A store of an object costs more than a comparison: the garbage collector takes note of it.
  for (let i = start; i < end; i++) if (exporter[i] !== flowExporter) exporter[i] = flowExporter;
}
