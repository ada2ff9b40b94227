#!/usr/bin/env node
// The installed `kapkan` command. Plain JavaScript, so that a Node too old to run TypeScript still says what it needs.
const [major] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write(
    `kapkan needs Node.js 24 or newer, this is ${process.version}. In a checkout, "npm run --silent kapkan -- COMMAND" uses the one that npm ci installed.\n`,
  );
  process.exit(1);
}
await import('./main.ts');
