/*
 * The lock that allows one daemon for one state directory. It is an fcntl lock, taken through SQLite because Node has no
 * call for it. The operating system releases it when the process ends, in whatever way, so no clean-up is needed.
 */
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf } from '../errors.ts';
import { createPrivateFile } from './regularFile.ts';
import { lockedStateDirectory, StateFileError, unreadableStateFile } from './stateFileError.ts';

const SQLITE_BUSY = 5;

export class DirectoryLock {
  readonly #db: DatabaseSync;

  /** Throws StateFileError `locked` at once where another process, or this one, has the lock. */
  constructor(directory: string) {
    const file = path.join(directory, 'kapkan.lock');
    try {
      createPrivateFile(file);
      this.#db = new DatabaseSync(file, { timeout: 0 });
      // Nothing is ever written: an open exclusive transaction is the lock.
      this.#db.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      if (error instanceof StateFileError) throw error;
      const busy = error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
      throw busy ? lockedStateDirectory(directory) : unreadableStateFile(file, messageOf(error), error);
    }
  }

  release(): void {
    this.#db.close();
  }
}

/** Whether a daemon uses the directory. False where the directory does not exist. */
export function isDaemonRunning(directory: string): boolean {
  try {
    new DirectoryLock(directory).release();
    return false;
  } catch (error) {
    return error instanceof StateFileError && error.fault === 'locked';
  }
}
