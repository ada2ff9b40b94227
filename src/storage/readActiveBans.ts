/*
 * The bans in force by the state file, for commands that run without the daemon. It takes no lock, so a daemon that
 * runs, hangs or died in the middle of a write is all the same to it.
 */
import type { Ban } from '../mitigation/ban.ts';
import { readStateFile, stateFileOf } from './stateFile.ts';

/** Throws StateFileError where the file in this directory is missing, damaged or of a newer Kapkan. */
export function readActiveBans(directory: string): Ban[] {
  return readStateFile(stateFileOf(directory)).filter((ban) => ban.state === 'active');
}
