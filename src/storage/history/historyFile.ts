/*
 * The file `history.db`: opens it, checks it, and puts it aside where it is unreadable. No route depends on history, so
 * an unreadable file is renamed and a new one is created, instead of waiting for an operator. Bans are in another file.
 *
 * Format version 2 (PRAGMA user_version), application id "Kaph":
 *   attacks       one row for each attack, as it was at its latest event
 *   timeline      one row for each event of an attack
 *   traffic       one row for each host or group and interval. The key begins with the ten minutes (the chunk) that the
 *                 interval is in, so that rows of one time are stored together and old rows are one range
 *   audit_events  one row for each mutation
 */
import { chmodSync, globSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf } from '../../errors.ts';
import { createPrivateFile } from '../stateDirectory.ts';
import { HistoryError } from './historyStore.ts';

const HISTORY_VERSION = 2;
const APPLICATION_ID = 0x4b617068;

/** Seconds of traffic in one chunk. */
export const CHUNK_SECONDS = 600;

/** A person may be looking at the file with sqlite3. */
const BUSY_TIMEOUT_MS = 2000;

/** Kibibytes of pages kept in memory: the traffic of ten minutes of some ten thousand hosts. */
const CACHE_KIB = 65_536;

const TIMELINE = `
  CREATE TABLE timeline (
    attack_id  TEXT NOT NULL,
    sequence   INTEGER NOT NULL,
    event_time INTEGER NOT NULL,
    event      TEXT NOT NULL,
    code       TEXT NOT NULL,
    detail     TEXT NOT NULL,
    PRIMARY KEY (attack_id, sequence)
  ) STRICT, WITHOUT ROWID;
`;

/** What makes a file of format version 1 one of this version. */
const FROM_VERSION_1 = `
  ${TIMELINE}
  ALTER TABLE audit_events ADD COLUMN code TEXT NOT NULL DEFAULT '';
  PRAGMA user_version = ${HISTORY_VERSION};
`;

const SCHEMA = `
  CREATE TABLE attacks (
    attack_id  TEXT PRIMARY KEY NOT NULL,
    sequence   INTEGER NOT NULL,
    event_time INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    target     TEXT NOT NULL,
    grp        TEXT NOT NULL,
    tenant     TEXT NOT NULL,
    type       TEXT NOT NULL,
    attack     TEXT NOT NULL
  ) STRICT;
  CREATE INDEX attacks_by_start ON attacks (started_at, attack_id);
  CREATE INDEX attacks_by_target ON attacks (target, started_at, attack_id);

  ${TIMELINE}

  CREATE TABLE traffic (
    chunk            INTEGER NOT NULL,
    is_group         INTEGER NOT NULL,
    target           TEXT NOT NULL,
    time             INTEGER NOT NULL,
    interval_seconds INTEGER NOT NULL,
    grp              TEXT NOT NULL,
    tenant           TEXT NOT NULL,
    mean_pps INTEGER NOT NULL, mean_mbps INTEGER NOT NULL, mean_flows INTEGER NOT NULL,
    peak_pps INTEGER NOT NULL, peak_mbps INTEGER NOT NULL, peak_flows INTEGER NOT NULL,
    PRIMARY KEY (chunk, is_group, target, time)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE audit_events (
    sequence    INTEGER PRIMARY KEY NOT NULL,
    event_time  INTEGER NOT NULL,
    action      TEXT NOT NULL,
    result      TEXT NOT NULL,
    operator    TEXT NOT NULL,
    role        TEXT NOT NULL,
    tenant      TEXT NOT NULL,
    target      TEXT NOT NULL,
    target_type TEXT NOT NULL,
    reason      TEXT NOT NULL,
    source      TEXT NOT NULL,
    client      TEXT NOT NULL,
    ban_state   TEXT NOT NULL,
    dry_run     INTEGER NOT NULL,
    code        TEXT NOT NULL
  ) STRICT;
  CREATE INDEX audit_by_target ON audit_events (target, sequence);

  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${HISTORY_VERSION};
`;

/**
 * Opens the file and creates it where it is missing. Throws SQLite's errors, and a HistoryError where the file belongs
 * to another program or a newer Kapkan. `isUnreadable` says for which errors the file is put aside.
 */
export function openHistoryFile(file: string): DatabaseSync {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  // Before SQLite opens it: a FIFO would block the thread forever, and the log gets the mode of the file.
  createPrivateFile(file);
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    // A crash may lose the last batches but never damages the file: WAL needs no sync at each commit for that.
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -${CACHE_KIB};`);
    const version = Number(db.prepare('PRAGMA user_version').get()?.user_version);
    const application = Number(db.prepare('PRAGMA application_id').get()?.application_id);
    const isNew = db.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
    if (isNew) db.exec(`PRAGMA auto_vacuum = NONE; BEGIN IMMEDIATE; ${SCHEMA} COMMIT;`);
    else if (application !== APPLICATION_ID) throw unreadable(file, 'it was not made by Kapkan');
    else if (version === 1) db.exec(`BEGIN IMMEDIATE; ${FROM_VERSION_1} COMMIT;`);
    else if (version !== HISTORY_VERSION) throw unreadable(file, `it has format version ${version}`);
    chmodSync(file, 0o600);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Renames the file and its -wal and -shm files to `.aside`. Files that were put aside before are deleted. */
export function putAside(file: string): string {
  const aside = `${file}.aside`;
  for (const old of globSync(`${aside}*`)) rmSync(old, { force: true });
  for (const suffix of ['-wal', '-shm']) rmSync(`${aside}${suffix}`, { force: true });
  renameSync(file, aside);
  for (const suffix of ['-wal', '-shm']) renameIfThere(`${file}${suffix}`, `${aside}${suffix}`);
  return aside;
}

/** SQLITE_CORRUPT, SQLITE_NOTADB or another schema: a retry cannot help. */
export function isUnreadable(error: unknown): boolean {
  if (error instanceof HistoryError) return error.fault === 'refused';
  const SQLITE_CORRUPT = 11;
  const SQLITE_NOTADB = 26;
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined;
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB || /^no such (table|column)/.test(messageOf(error));
}

/** SQLite or Node refuses a value of a row. Other errors are about the file or the disk. */
export function isRowRefused(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError) return true;
  const SQLITE_TOOBIG = 18;
  const SQLITE_CONSTRAINT = 19;
  const SQLITE_MISMATCH = 20;
  const SQLITE_RANGE = 25;
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined;
  return code !== undefined && [SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_RANGE].includes(code);
}

function unreadable(file: string, what: string): HistoryError {
  return new HistoryError('refused', `${file}: ${what}`);
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!messageOf(error).includes('ENOENT')) throw error;
  }
}
