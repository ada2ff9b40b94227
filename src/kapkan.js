#!/usr/bin/env node
// The `kapkan` command of an installed package, and of a checkout that is linked into the PATH. It is plain JavaScript,
// so that a Node.js that is too old still says which one is needed.
import { existsSync } from 'node:fs';

const [major] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write(
    `kapkan: Node.js 24 or newer is needed, and ${process.execPath} is ${process.version}. Put a newer "node" first in the PATH; in a checkout, "npm run --silent kapkan -- COMMAND" uses the one that "npm ci" installed.\n`,
  );
  process.exit(1);
}
// Node.js strips no types below node_modules, so a package holds compiled files; a checkout runs as it is written.
const isCheckout = existsSync(new URL('./main.ts', import.meta.url));
await import(isCheckout ? './main.ts' : '../build/main.js');
