/*
 * Flows copied from the ring of a receiving thread, from which samples are made. The thread only copies columns, so
 * that it soon reads its socket again; the main thread makes the sample from them (attackSample.ts). The flows were in
 * the ring before the attack was detected, so a sample holds the flows that crossed the limit.
 */
import { type FlowBatch, NO_HOST } from '../flowBatch.ts';
import type { Address } from '../net/address.ts';

/** Most flows in one slice, the newest; 4 MB. */
const SLICE_LIMIT = 65_536;

/** Columns of flows, newest first. Can be cloned (structured clone), with `sliceBuffers` transferred. */
export interface FlowSlice {
  readonly count: number;
  /** The target that the flow went to: an index into the list of targets of the request. */
  readonly target: Uint16Array<ArrayBuffer>;
  /** Four words for each flow. */
  readonly src: Uint32Array<ArrayBuffer>;
  /** The exporters of the flows. */
  readonly exporters: readonly Address[];
  /** An index into `exporters`. */
  readonly exporter: Uint16Array<ArrayBuffer>;
  readonly inInterface: Uint32Array<ArrayBuffer>;
  readonly srcPort: Uint16Array<ArrayBuffer>;
  readonly dstPort: Uint16Array<ArrayBuffer>;
  readonly ipProtocol: Uint8Array<ArrayBuffer>;
  readonly tcpFlags: Uint8Array<ArrayBuffer>;
  readonly fragment: Uint8Array<ArrayBuffer>;
  /** Estimates of real traffic. */
  readonly packets: Float64Array<ArrayBuffer>;
  readonly bytes: Float64Array<ArrayBuffer>;
  readonly samplingRate: Float64Array<ArrayBuffer>;
  readonly receivedAtMs: Float64Array<ArrayBuffer>;
}

/** The transfer list for posting the slice. */
export function sliceBuffers(slice: FlowSlice): ArrayBuffer[] {
  return [
    slice.target,
    slice.src,
    slice.exporter,
    slice.inInterface,
    slice.srcPort,
    slice.dstPort,
    slice.ipProtocol,
    slice.tcpFlags,
    slice.fragment,
    slice.packets,
    slice.bytes,
    slice.samplingRate,
    slice.receivedAtMs,
  ].map((column) => column.buffer);
}

/**
 * The ring's flows to these targets received at or after `sinceMs`. `targetOfSlot` gives a slot's index in `targets`.
 */
export function sliceOf(
  batch: FlowBatch,
  targets: readonly Address[],
  targetOfSlot: ReadonlyMap<number, number>,
  sinceMs: number,
): FlowSlice {
  const used = Math.max(batch.highWater, batch.end);
  const rows = new Int32Array(Math.min(used, SLICE_LIMIT));
  let count = 0;
  for (let i = 1; i <= used && count < SLICE_LIMIT && targetOfSlot.size > 0; i++) {
    // From the newest row back, round the end of the ring.
    const row = i <= batch.end ? batch.end - i : batch.end + used - i;
    if (batch.hostSlot[row] === NO_HOST || batch.receivedAtMs[row] < sinceMs) continue;
    const target = targetOfSlot.get(batch.hostSlot[row]);
    if (target !== undefined && isTo(batch, row, targets[target])) rows[count++] = row;
  }
  return copied(batch, rows.subarray(0, count), targetOfSlot);
}

/** A slot may have had another host when an old flow was accounted. */
function isTo(batch: FlowBatch, row: number, target: Address): boolean {
  return (
    batch.dst3[row] === target.word3 &&
    batch.dst2[row] === target.word2 &&
    batch.dst1[row] === target.word1 &&
    batch.dst0[row] === target.word0
  );
}

function copied(batch: FlowBatch, rows: Int32Array, targetOfSlot: ReadonlyMap<number, number>): FlowSlice {
  const count = rows.length;
  const exporters: Address[] = [];
  const exporterIndexes = new Map<Address, number>();
  const slice: FlowSlice = {
    count,
    target: new Uint16Array(count),
    src: new Uint32Array(4 * count),
    exporters,
    exporter: new Uint16Array(count),
    inInterface: new Uint32Array(count),
    srcPort: new Uint16Array(count),
    dstPort: new Uint16Array(count),
    ipProtocol: new Uint8Array(count),
    tcpFlags: new Uint8Array(count),
    fragment: new Uint8Array(count),
    packets: new Float64Array(count),
    bytes: new Float64Array(count),
    samplingRate: new Float64Array(count),
    receivedAtMs: new Float64Array(count),
  };
  for (let i = 0; i < count; i++) {
    const row = rows[i];
    slice.target[i] = targetOfSlot.get(batch.hostSlot[row]) ?? 0;
    slice.src[4 * i] = batch.src0[row];
    slice.src[4 * i + 1] = batch.src1[row];
    slice.src[4 * i + 2] = batch.src2[row];
    slice.src[4 * i + 3] = batch.src3[row];
    const exporter = batch.exporter[row].address;
    let index = exporterIndexes.get(exporter);
    if (index === undefined) {
      index = exporters.push(exporter) - 1;
      exporterIndexes.set(exporter, index);
    }
    slice.exporter[i] = index;
    slice.inInterface[i] = batch.inInterface[row];
    slice.srcPort[i] = batch.srcPort[row];
    slice.dstPort[i] = batch.dstPort[row];
    slice.ipProtocol[i] = batch.ipProtocol[row];
    slice.tcpFlags[i] = batch.tcpFlags[row];
    slice.fragment[i] = batch.fragment[row];
    slice.samplingRate[i] = batch.samplingRate[row];
    slice.packets[i] = batch.sampledPackets[row] * batch.samplingRate[row];
    slice.bytes[i] = batch.sampledBytes[row] * batch.samplingRate[row];
    slice.receivedAtMs[i] = batch.receivedAtMs[row];
  }
  return slice;
}
