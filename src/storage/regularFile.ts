/*
 * Files of the state directory must be regular files that only their owner can read. Opening a FIFO would block forever,
 * and a device has no end, so the kind of a file is checked before it is opened.
 */
import { chmodSync, closeSync, existsSync, openSync, type Stats, statSync } from 'node:fs';
import { messageOf } from '../errors.ts';
import { unreadableStateFile } from './stateFileError.ts';

/** Throws StateFileError `unreadable` where the path is no regular file, or a loop of links. A missing file is accepted. */
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
