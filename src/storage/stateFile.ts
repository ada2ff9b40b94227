/*
 * The state file `kapkan.db`: how it is made, recognised and checked. A file is looked at with a read-only connection
 * before anything may write to it, so that one which is damaged or of a newer Kapkan stays byte for byte what it was.
 *
 * Format version 1 (PRAGMA user_version), application id "Kapk":
 *   bans(id, ended_at, ban, checksum)    one row a ban, see banRow.ts
 */
import { closeSync, existsSync, fsyncSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf } from '../errors.ts';
import type { Ban } from '../mitigation/ban.ts';
import { type BanRow, rowToBan } from './banRow.ts';
import {
  damagedStateFile,
  missingStateFile,
  newerStateFile,
  StateFileError,
  unreadableStateFile,
} from './stateFileError.ts';

export const STATE_VERSION = 1;

/** "Kapk" in ASCII: `file kapkan.db` and we ourselves can tell it from any other SQLite database. */
const APPLICATION_ID = 0x4b61706b;

const SQLITE_MAGIC = 'SQLite format 3\0';

/** A checkpoint or a recovery by another process may hold its lock this long. */
const BUSY_TIMEOUT_MS = 2_000;

const SCHEMA = `
  CREATE TABLE bans (
    id       TEXT PRIMARY KEY NOT NULL,
    ended_at REAL,
    ban      TEXT NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX bans_by_end ON bans (ended_at) WHERE ended_at IS NOT NULL;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${STATE_VERSION};
`;

const SELECT_ROWS = 'SELECT id, ended_at AS endedAt, ban AS json, checksum FROM bans';

export function stateFileOf(directory: string): string {
  return path.join(directory, 'kapkan.db');
}

/** Makes an empty state file where there is none: whole under its name, or not there at all. */
export function createStateFile(file: string): void {
  if (existsSync(file)) return;
  const logBytes = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  if (logBytes > 0) throw damagedStateFile(file, 'it is gone, but its write-ahead log is still there');
  const draft = `${file}.new`;
  rmSync(draft, { force: true });
  const db = new DatabaseSync(draft);
  try {
    db.exec(`PRAGMA synchronous = FULL; BEGIN; ${SCHEMA} COMMIT;`);
  } finally {
    db.close();
  }
  renameSync(draft, file);
  syncDirectory(path.dirname(file));
}

/** Opens a state file that `checkStateFile` has found good, for writing. */
export function openStateFile(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  // A checkpoint with every commit keeps kapkan.db whole by itself: a lost or truncated -wal file then loses no ban.
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1;');
  return db;
}

/**
 * Every ban in the file, in the order they were made; works while a daemon has it open. The whole file is checked.
 * Throws StateFileError: `missing`, `damaged`, `newer` or `unreadable`. Changes nothing.
 */
export function readStateFile(file: string): Ban[] {
  checkHeader(file);
  try {
    const db = new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    try {
      checkVersion(file, db);
      checkIntegrity(file, db);
      return readBans(file, db, `${SELECT_ROWS} ORDER BY rowid`);
    } finally {
      db.close();
    }
  } catch (error) {
    throw error instanceof StateFileError ? error : explainSqliteError(file, error);
  }
}

/** The bans that a statement over the columns of `SELECT_ROWS` yields. */
export function readBans(file: string, db: DatabaseSync, sql: string): Ban[] {
  return db
    .prepare(sql)
    .all()
    .map((row) => {
      const ban = rowToBan(row as unknown as BanRow);
      if (ban === undefined) throw damagedStateFile(file, `the checksum of ban ${String(row.id)} is wrong`);
      return ban;
    });
}

/** Statement that selects ban rows; `condition` is what follows the table's name. */
export function selectBans(condition: string): string {
  return `${SELECT_ROWS} ${condition}`;
}

/**
 * SQLite takes an empty file for a new database and deletes the write-ahead log beside it, so what does not begin like
 * a database must not reach it.
 */
function checkHeader(file: string): void {
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

function pragma(db: DatabaseSync, name: 'application_id' | 'user_version'): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}

/** SQLITE_CORRUPT, SQLITE_NOTADB and a missing table mean that the file is not what was written. */
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

/** A rename survives a power cut only once the directory that holds it has been written. */
function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
