/*
 * What the files of the state directory must be: regular files, for nobody but their owner. To open a FIFO waits for
 * ever, and a device has no end, so the kind is asked before anything is opened.
 */
import { chmodSync, closeSync, existsSync, openSync, type Stats, statSync } from 'node:fs';
import { messageOf } from '../errors.ts';
import { unreadableStateFile } from './stateFileError.ts';

/** Throws StateFileError `unreadable` where the path is something else, a circle of links included; missing is fine. */
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

/** Makes the file, empty, where it is missing, so that whoever opens it next finds it with mode 0600. */
export function createPrivateFile(file: string): void {
  requireRegularFile(file);
  if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600));
}

/** Takes the file from everybody but its owner; answers a warning where that cannot be done. */
export function tightenFile(file: string): string | undefined {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & 0o077) === 0) return undefined;
  try {
    chmodSync(file, 0o600);
    return undefined;
  } catch (error) {
    return `${file} can be read by others, and that cannot be changed: ${messageOf(error)}`;
  }
}

/** A directory may have been made for more than Kapkan, so its mode is not changed; answers a warning where it is open. */
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
