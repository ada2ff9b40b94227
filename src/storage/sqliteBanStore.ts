/*
 * The store of bans. A save is one transaction and is on disk when it returns, because the bans are announced next. The
 * daemon holds the store while it runs; `storedState.ts` can read the files at the same time.
 *
 * On a full or read-only disk the store still opens with the bans that it can read. New bans cannot be saved then, and
 * so are not announced. Ends and changed expiries are still written in place, into the records of `expiryFile.ts`.
 */
import { existsSync, mkdirSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { type Clock, SystemClock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Ban } from '../mitigation/ban.ts';
import { startKey } from '../mitigation/banCounts.ts';
import type { BanStore } from '../mitigation/banStore.ts';
import { banToRow, pruneBans, pruneStarts } from './banRow.ts';
import { ExpiryFile, expiryFileOf, expiryKey, expiryRecord, readExpiries } from './expiryFile.ts';
import { type GobgpIdentity, identityToText } from './gobgpIdentity.ts';
import {
  DirectoryLock,
  looseDirectory,
  requireRegularFile,
  StateFileError,
  tightenFile,
  unreadableStateFile,
} from './stateDirectory.ts';
import {
  contentsOf,
  createStateFile,
  openStateFile,
  readStateFile,
  reserveRoom,
  type StateContents,
  type StoredStart,
  stateFileOf,
} from './stateFile.ts';
import { type DamagedBan, joinState, mayBelongToDamaged, type StoredState } from './storedState.ts';

const UPSERT = `
  INSERT INTO bans (id, ended_at, ban, checksum, refused, grp) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET ended_at = excluded.ended_at, ban = excluded.ban, checksum = excluded.checksum,
    refused = excluded.refused, grp = excluded.grp`;

const INSERT_START = 'INSERT INTO starts (id, at, grp, dry_run) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING';

const SET_NOTE = `
  INSERT INTO notes (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`;

/** Starts are kept for at least a day, because a reload may lengthen the window. */
const LEAST_STARTS_KEPT_MS = 86_400_000;

/** The latest time that a Date can hold. */
const LATEST_DATE_MS = 8.64e15;

/** How long the routes of a damaged ban are kept where neither its end nor its lifetime can be read. */
const UNKNOWN_LIFE_MS = 86_400_000;

export class SqliteBanStore implements BanStore {
  /** Path of the database. */
  readonly file: string;
  /** Problems of the directory that an operator should know, one sentence each. */
  readonly warnings: string[] = [];
  /** Active bans whose rows cannot be read. */
  readonly damaged: readonly DamagedBan[];
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #lock: DirectoryLock | undefined;
  /** The contents at the start. They are used while the database cannot be opened for writing. */
  readonly #initial: StateContents;
  #db: DatabaseSync | undefined;
  #expiries: ExpiryFile | undefined;
  #startsKeptMs = LEAST_STARTS_KEPT_MS;

  /**
   * Creates the directory (0700) and the file (0600) where they are missing. Throws StateFileError where another daemon
   * uses the directory or the file is damaged. A damaged file is not changed.
   */
  constructor(directory: string, clock: Clock = new SystemClock()) {
    this.#directory = directory;
    this.#clock = clock;
    this.file = stateFileOf(directory);
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw unreadableStateFile(this.file, messageOf(error), error);
    }
    for (const file of this.#files()) requireRegularFile(file);
    this.#lock = this.#takeLock();
    try {
      this.#createFile();
      this.#initial = readStateFile(this.file);
      this.damaged = this.#boundedDamage(joinState(this.#initial, readExpiries(expiryFileOf(directory))));
      this.#openToWrite();
    } catch (error) {
      this.#lock?.release();
      throw error;
    }
    for (const { id, target } of this.damaged) {
      this.warnings.push(
        `ban ${id}${target === undefined ? '' : ` of ${target}`} is damaged in ${this.file} and skipped`,
      );
    }
    const loose = [looseDirectory(directory), ...this.#files().map(tightenFile)];
    this.warnings.push(...loose.filter((warning) => warning !== undefined));
  }

  save(bans: readonly Ban[]): void {
    if (bans.length === 0) return;
    try {
      this.#save(bans);
    } catch (error) {
      this.#recordInPlace(bans);
      throw new Error(`cannot save ${bans.length} bans in ${this.file}: ${messageOf(error)}`, { cause: error });
    }
  }

  loadActive(): Ban[] {
    return this.#state().bans.filter(({ state }) => state === 'active');
  }

  loadEnded(limit: number): Ban[] {
    const ended = this.#state().bans.filter(({ state }) => state !== 'active');
    // Of bans that ended at the same moment, the later one comes first.
    return ended
      .reverse()
      .toSorted((a, b) => endOf(b) - endOf(a))
      .slice(0, limit);
  }

  /** The stored starts of bans, oldest first. Refused bans have none. */
  loadStarts(): readonly StoredStart[] {
    return this.#contents().starts;
  }

  /** Deletes starts older than this. Starts are kept for at least a day. */
  keepStartsFor(ms: number): void {
    this.#startsKeptMs = Math.max(ms, LEAST_STARTS_KEPT_MS);
  }

  /** The GoBGP daemons and the mark that the stored bans were announced with; undefined where they are not known. */
  savedIdentity(): GobgpIdentity | undefined {
    return this.#state().identity;
  }

  /** Undefined deletes it, after the routes were withdrawn. Throws where it cannot be stored. */
  saveIdentity(identity: GobgpIdentity | undefined): void {
    const text = identity === undefined ? '' : identityToText(identity);
    if (this.#contents().notes.get('gobgp') === text) return;
    this.#database().prepare(SET_NOTE).run('gobgp', text);
  }

  /** Where commands beside the daemon find its API. Throws where it cannot be stored. */
  saveApiUrl(url: string): void {
    if (this.#contents().notes.get('api') !== url) this.#database().prepare(SET_NOTE).run('api', url);
  }

  loadLeftAlone(): readonly string[] {
    return targetsOfText(this.#contents().notes.get('left_alone') ?? '');
  }

  saveLeftAlone(targets: readonly string[]): void {
    this.#database()
      .prepare(SET_NOTE)
      .run('left_alone', targets.length === 0 ? '' : JSON.stringify(targets));
  }

  /** Who paused all announcements, and when; undefined while they are not paused. */
  savedPause(): { readonly since: number; readonly by: string } | undefined {
    return pauseOfText(this.#contents().notes.get('paused') ?? '');
  }

  /** Undefined = not paused. Throws where it cannot be stored. */
  savePause(pause: { readonly since: number; readonly by: string } | undefined): void {
    this.#database()
      .prepare(SET_NOTE)
      .run('paused', pause === undefined ? '' : JSON.stringify(pause));
  }

  /** Whether the route with this key may belong to a damaged ban. Such a route is no orphan yet. */
  protectsRoute(key: string): boolean {
    return mayBelongToDamaged(key, this.damaged, this.#clock.now());
  }

  /** Closes the files and releases the lock. */
  close(): void {
    this.#db?.close();
    this.#expiries?.close();
    this.#lock?.release();
  }

  #save(bans: readonly Ban[]): void {
    const expiries = this.#expiryFile();
    const active = bans.filter(({ state }) => state === 'active');
    expiries.reserve(active.filter(({ id }) => !expiries.has(expiryKey(id))).length);
    const db = this.#database();
    const now = this.#clock.now();
    db.exec('BEGIN IMMEDIATE');
    try {
      const upsert = db.prepare(UPSERT);
      const start = db.prepare(INSERT_START);
      for (const ban of bans) {
        const row = banToRow(ban);
        const isRefused = ban.state === 'rejected';
        upsert.run(row.id, row.endedAt, row.json, row.checksum, isRefused ? 1 : 0, ban.group);
        if (!isRefused) start.run(startKey(ban), ban.startedAt, ban.group, ban.dryRun ? 1 : 0);
      }
      if (active.length < bans.length) pruneBans(db);
      pruneStarts(db, now - this.#startsKeptMs);
      db.exec('COMMIT');
    } catch (error) {
      // After some errors, such as a full disk, SQLite has already rolled back.
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
    expiries.write(active.map((ban) => expiryRecord(ban, now)));
    expiries.free(bans.filter(({ state }) => state !== 'active').map(({ id }) => expiryKey(id)));
    reserveRoom(this.file, db);
  }

  /** Writes at least the expiry or the end of bans that are already stored. That needs no disk space. */
  #recordInPlace(bans: readonly Ban[]): void {
    try {
      const expiries = this.#expiryFile();
      const now = this.#clock.now();
      expiries.write(bans.filter(({ id }) => expiries.has(expiryKey(id))).map((ban) => expiryRecord(ban, now)));
    } catch {
      // The disk is read-only. The error of the save says so.
    }
  }

  #state(): StoredState {
    return joinState(this.#contents(), readExpiries(expiryFileOf(this.#directory)));
  }

  #contents(): StateContents {
    return this.#db === undefined ? this.#initial : contentsOf(this.#db);
  }

  #database(): DatabaseSync {
    this.#db ??= openStateFile(this.file);
    return this.#db;
  }

  #expiryFile(): ExpiryFile {
    this.#expiries ??= new ExpiryFile(expiryFileOf(this.#directory));
    return this.#expiries;
  }

  /** In a read-only directory no other daemon can write either, so it is read without the lock. */
  #takeLock(): DirectoryLock | undefined {
    try {
      return new DirectoryLock(this.#directory);
    } catch (error) {
      const isLocked = error instanceof StateFileError && error.fault === 'locked';
      if (isLocked || !existsSync(this.file)) throw error;
      this.warnings.push(`${messageOf(error)}; new bans cannot be stored and will not be announced`);
      return undefined;
    }
  }

  #createFile(): void {
    try {
      createStateFile(this.file);
    } catch (error) {
      throw error instanceof StateFileError ? error : unreadableStateFile(this.file, messageOf(error), error);
    }
  }

  #openToWrite(): void {
    try {
      const expiries = this.#expiryFile();
      const now = this.#clock.now();
      const { bans } = this.#state();
      const active = bans.filter(({ id, state }) => state === 'active' && !expiries.has(expiryKey(id)));
      expiries.reserve(active.length);
      expiries.write(active.map((ban) => expiryRecord(ban, now)));
      reserveRoom(this.file, this.#database());
    } catch (error) {
      const what = 'new bans cannot be stored and will not be announced until this is repaired';
      this.warnings.push(`cannot write to ${this.file}: ${messageOf(error)}; ${what}`);
    }
  }

  /** A damaged ban without a readable end is kept for a day from now. */
  #boundedDamage({ damaged }: StoredState): DamagedBan[] {
    const latest = this.#clock.now() + UNKNOWN_LIFE_MS;
    return damaged.map((ban) => ({ ...ban, expiresAt: ban.expiresAt ?? latest }));
  }

  #files(): string[] {
    const { file } = this;
    return [file, `${file}-wal`, `${file}-shm`, `${this.#directory}/kapkan.lock`, expiryFileOf(this.#directory)];
  }
}

/** A text that cannot be read counts as a pause: nothing is announced until an operator resumes. */
function pauseOfText(text: string): { readonly since: number; readonly by: string } | undefined {
  if (text === '') return undefined;
  try {
    const { since, by } = JSON.parse(text);
    if (Math.abs(since) <= LATEST_DATE_MS && typeof by === 'string') return { since, by };
  } catch {
    // Damaged; see above.
  }
  return { since: 0, by: 'unknown' };
}

function endOf({ withdrawnAt, startedAt }: Ban): number {
  return withdrawnAt ?? startedAt;
}

/** What cannot be read is no target: then an attack is answered that might have been left alone. */
function targetsOfText(text: string): string[] {
  try {
    const targets: unknown = text === '' ? [] : JSON.parse(text);
    return Array.isArray(targets) ? targets.filter((target) => typeof target === 'string') : [];
  } catch {
    return [];
  }
}
