/*
 * What buckets hold when each record is placed over the time in which its packets passed: the plain way, from a list.
 */
import type { RateWindow } from '../../src/engine/rateWindow.ts';

export interface PlacedRecord {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly packets: number;
  readonly samplingRate: number;
}

export interface PlacedBucket {
  readonly packets: number;
  /** Of the estimate of packets. */
  readonly variance: number;
  /** Records that ended in the bucket. */
  readonly flows: number;
}

export function placedIn(window: RateWindow, bucket: number, records: readonly PlacedRecord[]): PlacedBucket {
  const [start, end] = [window.startOf(bucket), window.startOf(bucket + 1)];
  let packets = 0;
  let variance = 0;
  let flows = 0;
  for (const record of records) {
    const isEnd = window.bucketOf(record.untilMs) === bucket;
    const ms = Math.min(end, record.untilMs) - Math.max(start, record.fromMs);
    const isWhole = window.bucketOf(record.fromMs) === window.bucketOf(record.untilMs);
    const share = isWhole ? Number(isEnd) : Math.max(0, ms) / (record.untilMs - record.fromMs);
    packets += record.packets * share;
    variance += record.packets * share * (record.samplingRate - 1);
    flows += Number(isEnd);
  }
  return { packets, variance, flows };
}
