#!/usr/bin/env node
// The `kapkan` command of a package and of a checkout. It is plain JavaScript, so that a Node.js that is too old still
// says which one is needed, and so that the settings below hold before anything else is loaded.
import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const [major] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write(
    `kapkan: Node.js 24 or newer is needed, and ${process.execPath} is ${process.version}. Put a newer "node" first in the PATH; in a checkout, "npm run --silent kapkan -- COMMAND" uses the one that "npm ci" installed.\n`,
  );
  process.exit(1);
}
// Compiled code, and TypeScript whose types were stripped, is kept for the next start. The folder is beside the code and
// not in the shared /tmp, because whoever can write there decides what runs. Where it cannot be written, or
// NODE_COMPILE_CACHE names another, Node.js does the right thing by itself.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../node_modules/.cache/kapkan', import.meta.url));
enableCompileCache();
// Loading the program leaves much garbage. With this, V8 collects it instead of growing the young generation for it.
setFlagsFromString('--semi-space-growth-factor=1');
// Node.js strips no types below node_modules, so a package holds compiled files; a checkout runs as it is written.
const isCheckout = existsSync(new URL('./main.ts', import.meta.url));
await import(isCheckout ? './main.ts' : '../build/main.js');
