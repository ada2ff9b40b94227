/*
 * Bans in the embedded store. A save is one transaction, on disk when it returns, because what it says is announced
 * next. The daemon holds one of these for its lifetime; `readActiveBans.ts` reads beside it.
 */
import { mkdirSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { messageOf } from '../errors.ts';
import type { Ban } from '../mitigation/ban.ts';
import type { BanStore } from '../mitigation/banStore.ts';
import { banToRow } from './banRow.ts';
import { DirectoryLock } from './directoryLock.ts';
import { createStateFile, openStateFile, readBans, readStateFile, selectBans, stateFileOf } from './stateFile.ts';
import { unreadableStateFile } from './stateFileError.ts';

/** Ended bans kept: what the API shows and the cap on bans a window counts. Older ones are history, not state. */
const ENDED_BANS_KEPT = 10_000;

const UPSERT = `
  INSERT INTO bans (id, ended_at, ban, checksum) VALUES (?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET ended_at = excluded.ended_at, ban = excluded.ban, checksum = excluded.checksum`;

const PRUNE = `
  DELETE FROM bans WHERE ended_at < (
    SELECT ended_at FROM bans WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT 1 OFFSET ${ENDED_BANS_KEPT - 1})`;

export class SqliteBanStore implements BanStore {
  /** Path of the database. */
  readonly file: string;
  readonly #lock: DirectoryLock;
  readonly #db: DatabaseSync;
  readonly #upsert: StatementSync;
  readonly #prune: StatementSync;

  /**
   * Makes the directory (0700) and the file where they are missing. Throws StateFileError where another daemon holds
   * the directory or the file cannot be trusted; that file is left untouched.
   */
  constructor(directory: string) {
    this.file = stateFileOf(directory);
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw unreadableStateFile(this.file, messageOf(error), error);
    }
    this.#lock = new DirectoryLock(directory);
    try {
      createStateFile(this.file);
      readStateFile(this.file);
      this.#db = openStateFile(this.file);
    } catch (error) {
      this.#lock.release();
      throw error;
    }
    this.#upsert = this.#db.prepare(UPSERT);
    this.#prune = this.#db.prepare(PRUNE);
  }

  save(bans: readonly Ban[]): void {
    if (bans.length === 0) return;
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      for (const ban of bans) {
        const row = banToRow(ban);
        this.#upsert.run(row.id, row.endedAt, row.json, row.checksum);
      }
      if (bans.some((ban) => ban.state !== 'active')) this.#prune.run();
      this.#db.exec('COMMIT');
    } catch (error) {
      // SQLite has already rolled back by itself after some errors, a full disk among them.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw new Error(`cannot save ${bans.length} bans in ${this.file}: ${messageOf(error)}`, { cause: error });
    }
  }

  loadActive(): Ban[] {
    return readBans(this.file, this.#db, selectBans('WHERE ended_at IS NULL ORDER BY rowid'));
  }

  loadEnded(limit: number): Ban[] {
    const newestFirst = `WHERE ended_at IS NOT NULL ORDER BY ended_at DESC, rowid DESC LIMIT ${Math.trunc(limit)}`;
    return readBans(this.file, this.#db, selectBans(newestFirst));
  }

  /** Lets the next daemon have the directory. */
  close(): void {
    this.#db.close();
    this.#lock.release();
  }
}
