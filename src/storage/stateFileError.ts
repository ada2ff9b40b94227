/*
 * Errors of the state directory. Every message says what was found, that nothing was changed, and what an operator can do.
 * An unreadable state file is never replaced, because the routes of its bans are still announced.
 */

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

export function lockedStateDirectory(directory: string): StateFileError {
  return new StateFileError(
    'locked',
    `another Kapkan daemon is using the state directory ${directory}; two would undo each other's bans. Stop it, or ` +
      'give this one its own storage.path and gobgp.instance_id',
  );
}

export function unreadableStateFile(file: string, why: string, cause?: unknown): StateFileError {
  return new StateFileError('unreadable', `cannot use the state file ${file}: ${why}`, cause);
}
