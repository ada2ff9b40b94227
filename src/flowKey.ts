/*
 * FlowKey: a hash of what makes a flow: addresses, ports, IP protocol, input interface and direction. Tables of flows
 * keep only its 64 bits: two of a million flows are taken for one once in 30 million runs.
 */
import type { FlowBatch } from './flowBatch.ts';

export class FlowKey {
  /** 32 bits each, signed. */
  low = 0;
  high = 0;

  /** Takes the key of the flow in a row. `seed` tells exporters apart, and makes keys unpredictable where it is secret. */
  take(batch: FlowBatch, row: number, seed: number): void {
    const ports = (batch.srcPort[row] << 16) | batch.dstPort[row];
    let low = mixed(seed, batch.src0[row]);
    let high = mixed(seed + 1, batch.src1[row]);
    low = mixed(low ^ high, batch.src2[row]);
    high = mixed(high ^ low, batch.src3[row]);
    low = mixed(low ^ high, batch.dst0[row]);
    high = mixed(high ^ low, batch.dst1[row]);
    low = mixed(low ^ high, batch.dst2[row]);
    high = mixed(high ^ low, batch.dst3[row]);
    low = mixed(low ^ high, ports);
    high = mixed(high ^ low, (batch.ipProtocol[row] << 8) | batch.direction[row]);
    this.high = mixed(high ^ low, batch.inInterface[row]);
    this.low = mixed(low ^ this.high, ports);
  }
}

/** 32 bits, each of which depends on all of the given ones. */
export function mixed(state: number, word: number): number {
  let bits = Math.imul(state ^ word, 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return bits ^ (bits >>> 16);
}
