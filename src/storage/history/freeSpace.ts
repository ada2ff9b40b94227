/*
 * How much of the disk history leaves to others. The bans share the disk with it, and a ban that cannot be stored is not
 * announced, so history stops first: traffic, which is most of what it writes, earlier than the few events.
 */
import { statfsSync } from 'node:fs';
import type { HistoryTable } from './historyRows.ts';

const MEBIBYTE = 1_048_576;

/** Bytes to be left free on a disk of this size: a twentieth, from 4 to 256 MiB. */
export function reservedBytes(diskBytes: number, table: HistoryTable): number {
  const reserved = Math.min(256 * MEBIBYTE, Math.max(4 * MEBIBYTE, diskBytes / 20));
  return table === 'traffic' ? reserved : reserved / 4;
}

export interface DiskSpace {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

/** Of the disk that holds the directory; undefined where that cannot be told. */
export function diskSpaceOf(directory: string): DiskSpace | undefined {
  try {
    const { bsize, blocks, bavail } = statfsSync(directory);
    return { totalBytes: bsize * blocks, freeBytes: bsize * bavail };
  } catch {
    return undefined;
  }
}
