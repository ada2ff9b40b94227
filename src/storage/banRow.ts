/*
 * A ban as a row of the state file: its JSON, a checksum, and the two columns that are searched. SQLite detects a torn
 * page but not a flipped bit inside a value, and one flipped bit in a prefix would announce somebody else's address.
 */
import { crc32 } from 'node:zlib';
import type { Ban } from '../mitigation/ban.ts';

export interface BanRow {
  readonly id: string;
  /** When the ban ended or was refused, in epoch milliseconds; null while it is active. */
  readonly endedAt: number | null;
  readonly json: string;
  readonly checksum: number;
}

export function banToRow(ban: Ban): BanRow {
  // JSON has no undefined, and bans hold no null, so null stands for undefined.
  const json = JSON.stringify(ban, (_key, value: unknown) => (value === undefined ? null : value));
  const endedAt = endOf(ban);
  return { id: ban.id, endedAt, json, checksum: checksumOf(ban.id, endedAt, json) };
}

/** Undefined where the row is damaged: it is not what `banToRow` made. */
export function rowToBan(row: BanRow): Ban | undefined {
  if (row.checksum !== checksumOf(row.id, row.endedAt, row.json)) return undefined;
  const value = parsed(row.json);
  return isBan(value) ? withMaker(value) : undefined;
}

/** The readable fields of a damaged row. They are a guess: no checksum covers them. */
export function guessBan(json: unknown): Partial<Ban> {
  const value = parsed(String(json));
  return typeof value === 'object' && value !== null ? value : {};
}

function parsed(json: string): unknown {
  try {
    return nullsToUndefined(JSON.parse(json));
  } catch {
    return undefined;
  }
}

function isBan(value: unknown): value is Ban {
  if (typeof value !== 'object' || value === null) return false;
  const { id, state, targetText, expiresAt, plan } = value as Partial<Ban>;
  const texts = [id, state, targetText].every((text) => typeof text === 'string');
  return texts && typeof expiresAt === 'number' && typeof plan?.ttlSeconds === 'number';
}

/** Format version 1 had `manual` in place of `madeBy`. */
function withMaker(ban: Ban & { readonly manual?: boolean }): Ban {
  if (ban.madeBy !== undefined) return ban;
  const { manual, ...rest } = ban;
  return { ...rest, madeBy: manual === true ? 'operator' : 'attack' };
}

function endOf(ban: Ban): number | null {
  return ban.state === 'active' ? null : (ban.withdrawnAt ?? ban.startedAt);
}

function checksumOf(id: string, endedAt: number | null, json: string): number {
  return crc32(`${id}\n${endedAt}\n${json}`);
}

function nullsToUndefined(value: unknown): unknown {
  if (value === null) return undefined;
  if (Array.isArray(value)) return value.map(nullsToUndefined);
  if (typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, nullsToUndefined(held)]));
}
