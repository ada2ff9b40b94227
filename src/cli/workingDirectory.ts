/*
 * `npm run kapkan` runs a command in the folder of the package, while the user may be in another folder and write paths
 * relative to that. npm says in INIT_CWD where that is.
 */
import { realpathSync } from 'node:fs';
import path from 'node:path';

const PACKAGE = path.resolve(import.meta.dirname, '../..');

/**
 * The folder that relative paths on the command line start from. Only a process in the package's folder was started by
 * its npm script; elsewhere INIT_CWD belongs to the script of another package, which chose its own folder.
 */
export function userDirectory(cwd: string, env: NodeJS.ProcessEnv): string {
  const initial = env.INIT_CWD ?? '';
  if (!path.isAbsolute(initial) || realPath(cwd) !== realPath(PACKAGE)) return cwd;
  return realPath(initial) ?? cwd;
}

/** Undefined where there is nothing. */
function realPath(directory: string): string | undefined {
  try {
    return realpathSync(directory);
  } catch {
    return undefined;
  }
}
