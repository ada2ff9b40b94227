/*
 * The state directory: its errors, the kinds and modes of its files, and the lock that allows one daemon for it.
 *
 * Every message of an error says what was found, that nothing was changed, and what an operator can do. An unreadable
 * state file is never replaced, because the routes of its bans are still announced.
 *
 * Files must be regular files that only their owner can read. Opening a FIFO would block forever, and a device has no
 * end, so the kind of a file is checked before it is opened.
 */
import { chmodSync, closeSync, existsSync, openSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf } from '../errors.ts';

/** `newer`: written by a later Kapkan; `locked`: another daemon uses the directory. */
export type StateFileFault = 'missing' | 'damaged' | 'newer' | 'locked' | 'unreadable';

export class StateFileError extends Error {
  override readonly name = 'StateFileError';
  readonly fault: StateFileFault;

  constructor(fault: StateFileFault, message: string, cause?: unknown) {
    super(message, { cause });
    this.fault = fault;
  }
}

export function missingStateFile(file: string): StateFileError {
  return new StateFileError('missing', `there is no state file ${file}`);
}

export function damagedStateFile(file: string, what: string, cause?: unknown): StateFileError {
  return new StateFileError(
    'damaged',
    `the state file ${file} is damaged: ${what}. It was not changed. The routes of its bans stay in GoBGP. To start ` +
      'without it, move it and the -wal and -shm files beside it away; the routes of earlier bans are then orphans and ' +
      'are withdrawn',
    cause,
  );
}

export function newerStateFile(file: string, found: number, known: number): StateFileError {
  return new StateFileError(
    'newer',
    `the state file ${file} has format version ${found}, this Kapkan reads up to version ${known}. It was not ` +
      'changed, and the routes stay in GoBGP. Run the Kapkan that wrote it, or a later one',
  );
}

function lockedStateDirectory(directory: string): StateFileError {
  return new StateFileError(
    'locked',
    `another Kapkan daemon is using the state directory ${directory}; two would undo each other's bans. Stop it, or ` +
      'give this one its own storage.path and gobgp.instance_id',
  );
}

export function unreadableStateFile(file: string, why: string, cause?: unknown): StateFileError {
  return new StateFileError('unreadable', `cannot use the state file ${file}: ${why}`, cause);
}

/**
 * Throws StateFileError `unreadable` where the path is no regular file, or a loop of links. A missing file is accepted.
 */
export function requireRegularFile(file: string): void {
  let found: Stats | undefined;
  try {
    found = statSync(file, { throwIfNoEntry: false });
  } catch (error) {
    throw unreadableStateFile(file, messageOf(error), error);
  }
  if (found === undefined || found.isFile()) return;
  throw unreadableStateFile(file, `it is ${kindOf(found)} and must be a regular file`);
}

/** Creates an empty file with mode 0600 where it is missing, before SQLite would create it with another mode. */
export function createPrivateFile(file: string): void {
  requireRegularFile(file);
  if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600));
}

/** Sets mode 0600 where others have access; returns a warning where that fails. */
export function tightenFile(file: string): string | undefined {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & 0o077) === 0) return undefined;
  try {
    chmodSync(file, 0o600);
    return undefined;
  } catch (error) {
    return `${file} can be read by others, and its mode cannot be changed: ${messageOf(error)}`;
  }
}

/** Returns a warning where others have access to the directory. Its mode is not changed: others may need it. */
export function looseDirectory(directory: string): string | undefined {
  const mode = statSync(directory).mode & 0o777;
  if ((mode & 0o077) === 0) return undefined;
  return `the state directory ${directory} has mode ${mode.toString(8).padStart(4, '0')}; chmod 0700 keeps others out`;
}

function kindOf(found: Stats): string {
  if (found.isFIFO()) return 'a FIFO';
  if (found.isDirectory()) return 'a directory';
  if (found.isSocket()) return 'a socket';
  return 'a device';
}

const SQLITE_BUSY = 5;

/**
 * The lock that allows one daemon for one state directory. It is an fcntl lock, taken through SQLite because Node has
 * no call for it. The operating system releases it when the process ends in any way, so no clean-up is needed.
 */
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
