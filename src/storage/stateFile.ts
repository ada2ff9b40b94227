/*
 * The state file `kapkan.db`: creates, checks and reads it. A file is checked through a read-only connection before it
 * is opened for writing, so that a damaged or newer file is never changed.
 *
 * Format version 2 (PRAGMA user_version), application id "Kapk":
 *   bans(id, ended_at, ban, checksum, refused, grp)   one row a ban, see banRow.ts
 *   starts(id, at, grp, dry_run)                      when bans began, for max_bans_per_window
 *   notes(name, value)                                the GoBGP that the bans were announced to, see gobgpIdentity.ts
 * Version 1 had only the first four columns of `bans`. It can be read, and it is upgraded when it is opened for
 * writing.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf } from '../errors.ts';
import type { Ban } from '../mitigation/ban.ts';
import { startKey } from '../mitigation/banCounts.ts';
import { type BanRow, guessBan, rowToBan } from './banRow.ts';
import {
  createPrivateFile,
  damagedStateFile,
  missingStateFile,
  newerStateFile,
  requireRegularFile,
  StateFileError,
  unreadableStateFile,
} from './stateDirectory.ts';
import { openStateImage } from './stateImage.ts';

export const STATE_VERSION = 2;

/** "Kapk" in ASCII. It distinguishes a state file from other SQLite databases. */
const APPLICATION_ID = 0x4b61706b;

const SQLITE_MAGIC = 'SQLite format 3\0';
const SQLITE_HEADER_BYTES = 100;

/** Waits this long for a lock that a checkpoint or recovery of another process holds. */
const BUSY_TIMEOUT_MS = 2_000;

const BANS = `
  CREATE TABLE bans (
    id       TEXT PRIMARY KEY NOT NULL,
    ended_at REAL,
    ban      TEXT NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX bans_by_end ON bans (ended_at) WHERE ended_at IS NOT NULL;
`;

/** What version 2 added. */
const SINCE_2 = `
  ALTER TABLE bans ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE bans ADD COLUMN grp TEXT NOT NULL DEFAULT '';
  CREATE INDEX bans_by_ring ON bans (refused, grp, ended_at) WHERE ended_at IS NOT NULL;
  CREATE TABLE starts (
    id      TEXT PRIMARY KEY NOT NULL,
    at      REAL NOT NULL,
    grp     TEXT NOT NULL,
    dry_run INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX starts_by_time ON starts (at);
  CREATE TABLE notes (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT;
  PRAGMA user_version = ${STATE_VERSION};
`;

const SCHEMA = `${BANS} ${SINCE_2} PRAGMA application_id = ${APPLICATION_ID};`;

/** Free pages of 4 KiB in the file, so that a few hundred bans can be stored after the disk is full. */
const RESERVED_PAGES = 256;

const SELECT_ROWS = 'SELECT id, ended_at AS endedAt, ban AS json, checksum FROM bans';

export function stateFileOf(directory: string): string {
  return path.join(directory, 'kapkan.db');
}

/** Creates an empty state file where there is none. It appears complete or not at all. */
export function createStateFile(file: string): void {
  requireRegularFile(file);
  if (existsSync(file)) return;
  const logBytes = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  if (logBytes > 0) throw damagedStateFile(file, 'it is missing, but its write-ahead log is still there');
  const draft = `${file}.new`;
  rmSync(draft, { force: true });
  createPrivateFile(draft);
  const db = new DatabaseSync(draft);
  try {
    db.exec(`PRAGMA synchronous = FULL; BEGIN; ${SCHEMA} COMMIT;`);
  } finally {
    db.close();
  }
  renameSync(draft, file);
  syncDirectory(path.dirname(file));
}

/** Opens a state file for writing after `readStateFile` has checked it. An older version is upgraded. */
export function openStateFile(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    // With a checkpoint after every commit, kapkan.db is complete: a lost or truncated -wal file loses no ban.
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1;');
    if (pragma(db, 'user_version') < 2) upgrade(file, db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Reserves free pages in the file and its log, for when the disk is full. Where the disk has too little space for that,
 * nothing is changed.
 */
export function reserveRoom(file: string, db: DatabaseSync): void {
  if (pragma(db, 'freelist_count') >= RESERVED_PAGES) return;
  const { bsize, bavail } = statfsSync(path.dirname(file));
  if (bsize * bavail < 4 * RESERVED_PAGES * 4096) return;
  try {
    db.exec(`CREATE TABLE IF NOT EXISTS room (page BLOB) STRICT; DELETE FROM room;
      INSERT INTO room VALUES (randomblob(${2 * RESERVED_PAGES * 4096}))`);
  } catch {
    // There is less space than it seemed, for example because of a quota. Continue without the reserve.
  }
  db.exec('DROP TABLE IF EXISTS room');
}

/** One start of a ban, for the cap on starts within a window. */
export interface StoredStart {
  /** What it is of, see `startKey`. */
  readonly key: string;
  readonly startedAt: number;
  readonly group: string;
  readonly dryRun: boolean;
}

/** A ban whose row is damaged. Its fields are a guess, or come from its expiry record. */
export interface DamagedRow {
  readonly id: string;
  /** False where the row says that the ban ended; this may be wrong too. */
  readonly active: boolean;
  readonly guess: Partial<Ban>;
}

export interface StateContents {
  /** In the order in which they were made. */
  readonly bans: readonly Ban[];
  readonly damaged: readonly DamagedRow[];
  readonly starts: readonly StoredStart[];
  readonly notes: ReadonlyMap<string, string>;
}

/**
 * Reads and checks the whole file. It works while a daemon has the file open and on a read-only disk, and changes
 * nothing. Throws StateFileError: `missing`, `damaged`, `newer` or `unreadable`.
 */
export function readStateFile(file: string): StateContents {
  checkHeader(file);
  for (const suffix of ['-wal', '-shm']) requireRegularFile(`${file}${suffix}`);
  const logBytes = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  if (logBytes > 0) {
    try {
      return readFrom(file, new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT_MS }));
    } catch (error) {
      // A damaged file stays an error. A file that SQLite cannot open may still be read into memory.
      if (error instanceof StateFileError && error.fault !== 'unreadable') throw error;
    }
  }
  checkLength(file, logBytes);
  try {
    return readFrom(file, openStateImage(file));
  } catch (error) {
    throw error instanceof StateFileError ? error : explainSqliteError(file, error);
  }
}

/** The contents of an open database. */
export function contentsOf(db: DatabaseSync): StateContents {
  const bans: Ban[] = [];
  const damaged: DamagedRow[] = [];
  for (const row of db.prepare(`${SELECT_ROWS} ORDER BY rowid`).all() as unknown as BanRow[]) {
    const ban = rowToBan(row);
    if (ban !== undefined) bans.push(ban);
    else damaged.push({ id: String(row.id), active: row.endedAt === null, guess: guessBan(row.json) });
  }
  if (pragma(db, 'user_version') < 2) return { bans, damaged, starts: startsOf(bans), notes: new Map() };
  const starts = db
    .prepare('SELECT id AS key, at AS startedAt, grp AS "group", dry_run AS dryRun FROM starts ORDER BY at')
    .all();
  const notes = db.prepare('SELECT name, value FROM notes').all();
  return {
    bans,
    damaged,
    starts: starts.map((start) => ({ ...(start as unknown as StoredStart), dryRun: start.dryRun === 1 })),
    notes: new Map(notes.map(({ name, value }) => [String(name), String(value)])),
  };
}

function readFrom(file: string, db: DatabaseSync): StateContents {
  try {
    checkVersion(file, db);
    checkIntegrity(file, db);
    return contentsOf(db);
  } catch (error) {
    throw error instanceof StateFileError ? error : explainSqliteError(file, error);
  } finally {
    db.close();
  }
}

function upgrade(file: string, db: DatabaseSync): void {
  const { bans, starts } = contentsOf(db);
  db.exec('BEGIN IMMEDIATE');
  try {
    db.exec(SINCE_2);
    const place = db.prepare('UPDATE bans SET refused = ?, grp = ? WHERE id = ?');
    for (const { state, group, id } of bans) place.run(state === 'rejected' ? 1 : 0, group, id);
    const start = db.prepare('INSERT INTO starts VALUES (?, ?, ?, ?)');
    for (const { key, startedAt, group, dryRun } of starts) start.run(key, startedAt, group, dryRun ? 1 : 0);
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error instanceof StateFileError ? error : explainSqliteError(file, error);
  }
}

function startsOf(bans: readonly Ban[]): StoredStart[] {
  const began = bans.filter(({ state }) => state !== 'rejected').map((ban) => ({ ...ban, key: startKey(ban) }));
  return [...new Map(began.toReversed().map((start) => [start.key, start])).values()].reverse();
}

/**
 * Checks that the file begins like a database, before SQLite opens it: SQLite takes an empty file for a new database
 * and deletes the write-ahead log beside it.
 */
function checkHeader(file: string): void {
  requireRegularFile(file);
  const head = Buffer.alloc(SQLITE_MAGIC.length);
  let length: number;
  try {
    const descriptor = openSync(file, 'r');
    try {
      length = readSync(descriptor, head);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw isMissing(error) ? missingStateFile(file) : unreadableStateFile(file, messageOf(error), error);
  }
  if (length === 0) throw damagedStateFile(file, 'it is empty');
  if (head.toString('latin1') !== SQLITE_MAGIC) throw damagedStateFile(file, 'it is not an SQLite database');
  if (statSync(file).size < SQLITE_HEADER_BYTES) throw damagedStateFile(file, 'it ends within its header');
}

/** The header has the number of pages. Without a log that holds the others, the file must have all of them. */
function checkLength(file: string, logBytes: number): void {
  if (logBytes > 0) return;
  const bytes = readFileSync(file);
  const pageBytes = bytes.readUInt16BE(16) === 1 ? 65_536 : bytes.readUInt16BE(16);
  const expected = pageBytes * bytes.readUInt32BE(28);
  if (bytes.length < expected) throw damagedStateFile(file, `it has ${bytes.length} bytes of ${expected}`);
}

function checkVersion(file: string, db: DatabaseSync): void {
  if (pragma(db, 'application_id') !== APPLICATION_ID) throw damagedStateFile(file, 'it was not made by Kapkan');
  const version = pragma(db, 'user_version');
  if (version > STATE_VERSION) throw newerStateFile(file, version, STATE_VERSION);
  if (version < 1) throw damagedStateFile(file, `it has the impossible format version ${version}`);
}

function checkIntegrity(file: string, db: DatabaseSync): void {
  const [first] = db.prepare('PRAGMA integrity_check(1)').all();
  const verdict = String(first.integrity_check);
  if (verdict !== 'ok') throw damagedStateFile(file, verdict.split('\n').join(' '));
}

function pragma(db: DatabaseSync, name: 'application_id' | 'user_version' | 'freelist_count'): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}

/** SQLITE_CORRUPT, SQLITE_NOTADB and a missing table mean that the file is damaged. */
function explainSqliteError(file: string, error: unknown): StateFileError {
  const SQLITE_ERROR = 1;
  const SQLITE_CORRUPT = 11;
  const SQLITE_NOTADB = 26;
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined;
  const damaged = code === SQLITE_ERROR || code === SQLITE_CORRUPT || code === SQLITE_NOTADB;
  return damaged ? damagedStateFile(file, messageOf(error), error) : unreadableStateFile(file, messageOf(error), error);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** A rename survives a power failure only after the directory was synced. */
function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
