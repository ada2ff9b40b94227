/*
 * What the state directory says, put together from the database and the records of expiry: the bans with the expiry that
 * was stored last, and the routes that may belong to bans that can no longer be read.
 */
import type { Ban } from '../mitigation/ban.ts';
import { formatWords, parseAddress } from '../net/address.ts';
import { type ExpiryRecord, expiryFileOf, expiryKey, readExpiries } from './expiryFile.ts';
import { type GobgpIdentity, identityFromText } from './gobgpIdentity.ts';
import { readStateFile, type StateContents, stateFileOf } from './stateFile.ts';

/** Of a ban whose row is damaged: its routes are left alone until it would have ended. */
export interface DamagedBan {
  /** For a person; control characters are escaped. */
  readonly id: string;
  /** Canonical address; undefined where nothing tells it, so that any route may be the ban's. */
  readonly target: string | undefined;
  /** Epoch milliseconds; undefined where nothing tells it. */
  readonly expiresAt: number | undefined;
}

export interface StoredState {
  readonly bans: readonly Ban[];
  readonly damaged: readonly DamagedBan[];
  /** Records of expiry of active bans, by the ban's id. */
  readonly records: ReadonlyMap<string, ExpiryRecord>;
  readonly identity: GobgpIdentity | undefined;
}

/** Reads beside a daemon or without one, and changes nothing. Throws StateFileError where the file as a whole is unusable. */
export function readStoredState(directory: string): StoredState {
  return joinState(readStateFile(stateFileOf(directory)), readExpiries(expiryFileOf(directory)));
}

export function joinState(contents: StateContents, expiries: ReadonlyMap<string, ExpiryRecord>): StoredState {
  const records = new Map<string, ExpiryRecord>();
  const unknown = new Map(expiries);
  const bans = contents.bans.map((ban) => {
    const key = expiryKey(ban.id);
    const record = expiries.get(key);
    unknown.delete(key);
    if (record === undefined || ban.state !== 'active') return ban;
    records.set(ban.id, record);
    return record.ended ? endedBan(ban, record) : movedBan(ban, record);
  });
  const damaged: DamagedBan[] = [];
  for (const row of contents.damaged) {
    const key = expiryKey(row.id);
    const record = unknown.get(key);
    unknown.delete(key);
    if (record !== undefined) {
      if (!record.ended && !record.dryRun) damaged.push(damagedByRecord(row.id, record));
    } else if (row.active && row.guess.dryRun !== true) {
      const { targetText, expiresAt } = row.guess;
      const target = typeof targetText === 'string' ? parseAddress(targetText) : undefined;
      const end = typeof expiresAt === 'number' ? expiresAt : undefined;
      damaged.push({ id: printable(row.id), target: target && targetText, expiresAt: end });
    }
  }
  // A record without a readable row: the id in the row is damaged, or the row was never committed.
  for (const [key, record] of unknown) {
    if (!record.ended && !record.dryRun) damaged.push(damagedByRecord(`record ${key}`, record));
  }
  return { bans, damaged, records, identity: identityFromText(contents.notes.get('gobgp')) };
}

/** Whether the route with this key may belong to a ban that cannot be read and has not run out at `now`. */
export function mayBelongToDamaged(key: string, damaged: readonly DamagedBan[], now: number): boolean {
  return damaged.some(({ target, expiresAt }) => {
    if (expiresAt !== undefined && expiresAt <= now) return false;
    return target === undefined || key.split(' ').some((word) => word === `${target}/32` || word === `${target}/128`);
  });
}

/** Text out of a file, on one line whatever it holds. */
export function printable(text: string): string {
  const escaped = text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${character.codePointAt(0)?.toString(16)}}`;
  });
  return escaped.length > 100 ? `${escaped.slice(0, 100)}…` : escaped;
}

function damagedByRecord(id: string, { target: [a, b, c, d], expiresAt }: ExpiryRecord): DamagedBan {
  return { id: printable(id), target: formatWords(a, b, c, d), expiresAt };
}

/** Whichever of the two is later was written last: an expiry moves on only. */
function movedBan(ban: Ban, record: ExpiryRecord): Ban {
  const { lastSeenAt } = record;
  const seen = lastSeenAt === undefined ? ban.lastSeenAt : Math.max(lastSeenAt, ban.lastSeenAt ?? lastSeenAt);
  return { ...ban, expiresAt: Math.max(record.expiresAt, ban.expiresAt), lastSeenAt: seen };
}

/** Its end could be recorded, though the disk had no room for more. */
function endedBan(ban: Ban, record: ExpiryRecord): Ban {
  const reason = 'ended while the state file could not be written';
  return {
    ...ban,
    state: 'withdrawn',
    withdrawnAt: record.expiresAt,
    reason,
    endedBy: { code: 'ttl_expired', detail: reason },
  };
}
