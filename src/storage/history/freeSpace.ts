/*
 * How much disk space history leaves free. Bans are stored on the same disk, and a ban that cannot be stored is not
 * announced, so history stops first. Traffic, the largest part, stops earlier than attacks and audit.
 */
import { statfsSync } from 'node:fs';
import type { HistoryTable } from './historyRows.ts';

const MEBIBYTE = 1_048_576;

/** Bytes to leave free on a disk of this size: a twentieth, at least 4 and at most 256 MiB. */
export function reservedBytes(diskBytes: number, table: HistoryTable): number {
  const reserved = Math.min(256 * MEBIBYTE, Math.max(4 * MEBIBYTE, diskBytes / 20));
  return table === 'traffic' ? reserved : reserved / 4;
}

export interface DiskSpace {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

/** Space on the disk of the directory; undefined where it cannot be read. */
export function diskSpaceOf(directory: string): DiskSpace | undefined {
  try {
    const { bsize, blocks, bavail } = statfsSync(directory);
    return { totalBytes: bsize * blocks, freeBytes: bsize * bavail };
  } catch {
    return undefined;
  }
}
