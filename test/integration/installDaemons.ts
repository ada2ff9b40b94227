/*
 * Runs before the tests: installs the daemons the integration tests need, where it may (as root on Debian), and says
 * loudly what will be skipped where it may not. It never fails a test run by itself.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { findExecutable, howToInstall, PACKAGES } from './daemons.ts';

/** A package's service is not to be started here; Debian asks this file (invoke-rc.d, deb-systemd-invoke). */
const POLICY = '/usr/sbin/policy-rc.d';

const names = Object.keys(PACKAGES) as (keyof typeof PACKAGES)[];

function missing(): (keyof typeof PACKAGES)[] {
  return names.filter((name) => findExecutable(name) === undefined);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function aptGet(...args: string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  execFileSync('apt-get', ['-qq', '-y', ...args], { env, stdio: ['ignore', 'ignore', 'pipe'], timeout: 600_000 });
}

function install(packages: readonly string[]): void {
  const ownPolicy = !existsSync(POLICY);
  if (ownPolicy) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    aptGet('update');
    aptGet('install', '--no-install-recommends', ...packages);
  } finally {
    if (ownPolicy) rmSync(POLICY);
  }
}

const lacking = missing();
if (lacking.length > 0 && process.getuid?.() === 0 && findExecutable('apt-get') !== undefined) {
  const packages = lacking.map((name) => PACKAGES[name]);
  say(`Installing what the integration tests need: ${packages.join(' ')}`);
  try {
    install(packages);
  } catch (error) {
    say(`apt-get failed: ${error instanceof Error ? error.message : error}`);
  }
}
for (const name of missing()) say(`Tests that need ${name} WILL BE SKIPPED; ${howToInstall(name)}`);
