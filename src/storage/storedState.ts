/*
 * The stored state, joined from the database and the expiry records: the bans with their latest stored expiry, and the
 * damaged bans, whose routes must not be withdrawn yet.
 */
import type { Ban } from '../mitigation/ban.ts';
import { formatWords, parseAddress } from '../net/address.ts';
import { escapeUnprintable } from '../unprintable.ts';
import { type ExpiryRecord, expiryFileOf, expiryKey, readExpiries } from './expiryFile.ts';
import { type GobgpIdentity, identityFromText } from './gobgpIdentity.ts';
import { readStateFile, type StateContents, stateFileOf } from './stateFile.ts';

/** A ban whose row is damaged. Its routes are kept until it would have ended. */
export interface DamagedBan {
  /** For display; control characters are escaped. */
  readonly id: string;
  /** Canonical address; undefined where it cannot be read, so that any route may belong to the ban. */
  readonly target: string | undefined;
  /** Epoch milliseconds; undefined where it cannot be read. */
  readonly expiresAt: number | undefined;
}

export interface StoredState {
  readonly bans: readonly Ban[];
  readonly damaged: readonly DamagedBan[];
  /** Expiry records of active bans, by the ban's id. */
  readonly records: ReadonlyMap<string, ExpiryRecord>;
  readonly identity: GobgpIdentity | undefined;
  /** Where the daemon that wrote the state has its API; undefined where it is not stored. */
  readonly apiUrl: string | undefined;
}

/**
 * Works with or without a running daemon and changes nothing. Throws StateFileError where the whole file is unusable.
 */
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
  // A record without a readable row: the row's id is damaged, or the row was never committed.
  for (const [key, record] of unknown) {
    if (!record.ended && !record.dryRun) damaged.push(damagedByRecord(`record ${key}`, record));
  }
  const identity = identityFromText(contents.notes.get('gobgp'));
  return { bans, damaged, records, identity, apiUrl: contents.notes.get('api') };
}

/** Whether the route with this key may belong to a damaged ban that has not expired at `now`. */
export function mayBelongToDamaged(key: string, damaged: readonly DamagedBan[], now: number): boolean {
  return damaged.some(({ target, expiresAt }) => {
    if (expiresAt !== undefined && expiresAt <= now) return false;
    return target === undefined || key.split(' ').some((word) => word === `${target}/32` || word === `${target}/128`);
  });
}

/** Text from a file as one line, with control characters escaped. */
export function printable(text: string): string {
  const escaped = escapeUnprintable(text);
  return escaped.length > 100 ? `${escaped.slice(0, 100)}…` : escaped;
}

function damagedByRecord(id: string, { target: [a, b, c, d], expiresAt }: ExpiryRecord): DamagedBan {
  return { id: printable(id), target: formatWords(a, b, c, d), expiresAt };
}

/** The later of the two expiries was written last, because an expiry only moves forward. */
function movedBan(ban: Ban, record: ExpiryRecord): Ban {
  const { lastSeenAt } = record;
  const seen = lastSeenAt === undefined ? ban.lastSeenAt : Math.max(lastSeenAt, ban.lastSeenAt ?? lastSeenAt);
  return { ...ban, expiresAt: Math.max(record.expiresAt, ban.expiresAt), lastSeenAt: seen };
}

/** Only the end of this ban was stored, because the disk was full. */
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
