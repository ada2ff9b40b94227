/*
 * The bans in force by the state file, for what runs without the daemon. It takes no lock, so a daemon that runs, hangs or
 * died in the middle of a write is all the same to it.
 */
import type { Ban } from '../mitigation/ban.ts';
import { readStoredState } from './storedState.ts';

/** Without those that are damaged. Throws StateFileError where the file is missing, damaged as a whole or newer. */
export function readActiveBans(directory: string): Ban[] {
  return readStoredState(directory).bans.filter((ban) => ban.state === 'active');
}
