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
  return currentForm(nullsToUndefined(JSON.parse(row.json)) as Ban & { readonly manual?: boolean });
}

/** Kapkan 0.1 wrote `manual: true | false` where `madeBy` is now; its routes must survive the upgrade. */
function currentForm({ manual, ...ban }: Ban & { readonly manual?: boolean }): Ban {
  return manual === undefined ? ban : { ...ban, madeBy: manual ? 'operator' : 'attack' };
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
