/*
 * `npm run kapkan` runs a command in the folder of the package, while its user may stand somewhere else and write paths
 * from there. npm says in INIT_CWD where that is.
 */
import { realpathSync } from 'node:fs';
import path from 'node:path';

const PACKAGE = path.resolve(import.meta.dirname, '../..');

/**
 * The folder that relative paths on the command line start from. Only a process that stands in the package's folder was
 * put there by its npm script; anywhere else INIT_CWD is of another package's script, which chose its own folder.
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
