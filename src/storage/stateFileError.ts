/*
 * What can be wrong with the state directory. Every message says what was found, that nothing was changed, and what a
 * person can do; a state file that cannot be read is never replaced, because the routes it speaks of are still announced.
 */

/** `missing`: no file yet; `damaged`: not what was written; `newer`: by a later Kapkan; `locked`: another daemon's. */
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
    `the state file ${file} is damaged: ${what}. It was left as it is. The routes it speaks of stay in GoBGP; to start ` +
      'without it, move it (and the -wal and -shm files beside it) away, after which routes of bans made before count ' +
      'as orphans and are withdrawn',
    cause,
  );
}

export function newerStateFile(file: string, found: number, known: number): StateFileError {
  return new StateFileError(
    'newer',
    `the state file ${file} has format version ${found}, this Kapkan reads up to version ${known}. It was left as it ` +
      'is, and so are the routes in GoBGP; run the Kapkan that wrote it, or a later one',
  );
}

export function lockedStateDirectory(directory: string): StateFileError {
  return new StateFileError(
    'locked',
    `another Kapkan daemon is using the state directory ${directory}; two would undo each other's bans. Stop it, or ` +
      'give this one a storage.path and a gobgp.instance_id of its own',
  );
}

export function unreadableStateFile(file: string, why: string, cause?: unknown): StateFileError {
  return new StateFileError('unreadable', `cannot use the state file ${file}: ${why}`, cause);
}
