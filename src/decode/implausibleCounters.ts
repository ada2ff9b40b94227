/*
 * The last look at counters of eight bytes: a garbled or forged record can claim any number, and one absurd number would
 * drown every other flow of its host for a window.
 */
import type { FlowBatch } from '../flowBatch.ts';

/** Packets or bytes of one record. 2^48 bytes are what a link of 400 Gbit/s carries in an hour and a half. */
const MOST = 2 ** 48;

/** Sets counters to 0 where one of a row's is beyond belief. How many rows those were, from `firstRow` on. */
export function clearImplausible(batch: FlowBatch, firstRow: number): number {
  const { sampledPackets, sampledBytes, end } = batch;
  let cleared = 0;
  for (let row = firstRow; row < end; row++) {
    if (sampledPackets[row] <= MOST && sampledBytes[row] <= MOST) continue;
    sampledPackets[row] = 0;
    sampledBytes[row] = 0;
    cleared++;
  }
  return cleared;
}
