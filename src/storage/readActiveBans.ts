/*
 * The active bans in the state file, for commands that run without the daemon. It takes no lock, so it works whether a
 * daemon runs, hangs or was killed during a write.
 */
import type { Ban } from '../mitigation/ban.ts';
import { readStoredState } from './storedState.ts';

/** Damaged bans are left out. Throws StateFileError where the whole file is missing, damaged or newer. */
export function readActiveBans(directory: string): Ban[] {
  return readStoredState(directory).bans.filter((ban) => ban.state === 'active');
}
