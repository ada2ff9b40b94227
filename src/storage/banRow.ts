/*
 * A ban as a row of the state file: its JSON, a checksum, and the two columns that are searched; and which old rows are
 * deleted. SQLite detects a torn page but not a flipped bit inside a value, and one flipped bit in a prefix would
 * announce the address of another host.
 */
import type { DatabaseSync } from 'node:sqlite';
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

const ENDED_KEPT = 10_000;
const REFUSED_KEPT = 2_000;

/** At least this many starts are kept, also old ones: a clock that is briefly ahead must not reset the cap. */
const STARTS_KEPT = 10_000;

/**
 * Deletes old rows. There is a limit for ended bans and one for refused bans. Within a limit every group keeps its
 * share: the oldest row of the group with the most rows is deleted first. So a flood of refusals for one tenant deletes
 * neither the rows of another tenant nor ended bans.
 */
export function pruneBans(db: DatabaseSync): void {
  pruneRing(db, 0, ENDED_KEPT);
  pruneRing(db, 1, REFUSED_KEPT);
}

/** Deletes starts of bans that no longer count for `max_bans_per_window`. */
export function pruneStarts(db: DatabaseSync, before: number): void {
  db.prepare(`DELETE FROM starts WHERE at < ? AND (SELECT count(*) FROM starts) > ${STARTS_KEPT}`).run(before);
}

function pruneRing(db: DatabaseSync, refused: 0 | 1, kept: number): void {
  const inRing = 'ended_at IS NOT NULL AND refused = ?';
  for (;;) {
    const count = Number(db.prepare(`SELECT count(*) AS count FROM bans WHERE ${inRing}`).get(refused)?.count);
    if (count <= kept) return;
    const largest = `SELECT grp, count(*) AS count FROM bans WHERE ${inRing} GROUP BY grp ORDER BY count DESC LIMIT 2`;
    const [first, second] = db.prepare(largest).all(refused);
    const lead = Number(first.count) - Number(second?.count ?? 0);
    const surplus = Math.min(count - kept, Math.max(1, lead));
    db.prepare(
      `DELETE FROM bans WHERE rowid IN (
         SELECT rowid FROM bans WHERE ${inRing} AND grp = ? ORDER BY ended_at, rowid LIMIT ?)`,
    ).run(refused, first.grp, surplus);
  }
}
