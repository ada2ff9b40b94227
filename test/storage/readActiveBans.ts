/*
 * The active bans in a state file, read as commands without the daemon read them.
 */
import type { Ban } from '../../src/mitigation/ban.ts';
import { readStoredState } from '../../src/storage/storedState.ts';

/** Damaged bans are left out. Throws StateFileError where the whole file is missing, damaged or newer. */
export function readActiveBans(directory: string): Ban[] {
  return readStoredState(directory).bans.filter((ban) => ban.state === 'active');
}
