/*
 * Makes `build/`, the compiled JavaScript that `npm pack` puts into the package: src as tsc compiles it, and beside it
 * every other file of src that the program reads. A checkout needs none of it.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const build = path.join(root, 'build');

/** Compiled, or not for the program. */
const NOT_COPIED = /(\.ts|README\.md|kapkan\.js)$/;

rmSync(build, { recursive: true, force: true });
cpSync(path.join(root, 'src'), build, { recursive: true, filter: (file) => !NOT_COPIED.test(file) });
execFileSync(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: ['ignore', 2, 2],
});
