/*
 * One daemon for one state directory. The lock is the operating system's (an fcntl lock, taken through SQLite because
 * Node has no call for it), so it ends with the process that holds it, however that one dies, and needs no clean-up.
 */
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf } from '../errors.ts';
import { createPrivateFile } from './regularFile.ts';
import { lockedStateDirectory, StateFileError, unreadableStateFile } from './stateFileError.ts';

const SQLITE_BUSY = 5;

export class DirectoryLock {
  readonly #db: DatabaseSync;

  /** Throws StateFileError `locked` at once where another process, or this one, holds the directory. */
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

/** Whether a daemon runs on the directory; false also where there is no such directory. */
export function isDaemonRunning(directory: string): boolean {
  try {
    new DirectoryLock(directory).release();
    return false;
  } catch (error) {
    return error instanceof StateFileError && error.fault === 'locked';
  }
}
