/*
 * Source and destination, side by side as in an IP header and in sFlow's records of sampled IP packets.
 */
import type { FlowBatch } from '../flowBatch.ts';
import { IPV4_MAPPED_WORD } from '../net/address.ts';

/** Eight bytes at `at`: source, destination. */
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

/** Thirty-two bytes at `at`: source, destination. */
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
