/*
 * A ban as a row of the state file: its JSON, a checksum of that, and the two columns that are searched. SQLite notices
 * a torn page but not a flipped bit inside a value, and one bit in a prefix would announce somebody else's address.
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
  // JSON has no undefined. Bans hold no null, so the one stands for the other.
  const json = JSON.stringify(ban, (_key, value: unknown) => (value === undefined ? null : value));
  const endedAt = endOf(ban);
  return { id: ban.id, endedAt, json, checksum: checksumOf(ban.id, endedAt, json) };
}

/** Undefined where the row is not what `banToRow` made. */
export function rowToBan(row: BanRow): Ban | undefined {
  if (row.checksum !== checksumOf(row.id, row.endedAt, row.json)) return undefined;
  const value = parsed(row.json);
  return isBan(value) ? withMaker(value) : undefined;
}

/** What a damaged row still seems to say of its target and its end; a guess, for no checksum vouches for it. */
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

/** Format version 1 said `manual` where a ban now says who made it. */
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
