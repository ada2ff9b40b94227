/*
 * The real daemons and tools that tests run against, and what happens where one is missing: the test skips and says
 * with which command it would not; with KAPKAN_FORBID_SKIPS=1 it fails.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';

const GOBGP4_VERSION = 'v4.8.0';

/** Debian's packages, by the executable the tests need of each. */
export const PACKAGES = {
  gobgpd: 'gobgpd',
  bird: 'bird2',
  bgpd: 'openbgpd',
  vtysh: 'frr',
  promtool: 'prometheus',
  'systemd-analyze': 'systemd',
} as const;

export type DaemonName = keyof typeof PACKAGES | 'gobgpd4';

/** The path of the daemon's executable; undefined when it is missing and the test has been marked as skipped. */
export function requireDaemon(t: TestContext, name: DaemonName): string | undefined {
  const executable = name === 'gobgpd4' ? gobgp4() : findExecutable(name);
  if (executable !== undefined) return executable;
  return skip(t, `${name} is missing; ${howToInstall(name)}`);
}

/** Skips the test, loudly; fails it where skips are forbidden. The only way a test of this project is skipped. */
export function skip(t: TestContext, why: string): undefined {
  if (process.env.KAPKAN_FORBID_SKIPS === '1') throw new Error(`skips are forbidden: ${why}`);
  process.stderr.write(`SKIPPED: ${t.name}: ${why}\n`);
  t.skip(why);
  return undefined;
}

/** Daemons live in sbin, which is not on everybody's PATH. */
export function findExecutable(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.map((folder) => path.join(folder, name)).find(isExecutable);
}

export function howToInstall(name: DaemonName): string {
  if (name === 'gobgpd4') return `with Go 1.25 or newer: ${goInstall(gobgp4Folder())}`;
  return `as root on Debian: apt-get install --no-install-recommends ${PACKAGES[name]}`;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function gobgp4Folder(): string {
  return path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'kapkan', `gobgp-${GOBGP4_VERSION}`);
}

function goInstall(folder: string): string {
  const module = 'github.com/osrg/gobgp/v4/cmd';
  return `GOBIN=${folder} go install ${module}/gobgpd@${GOBGP4_VERSION} ${module}/gobgp@${GOBGP4_VERSION}`;
}

/** No package has generation 4 yet: it is built once, where Go is, and kept. */
function gobgp4(): string | undefined {
  const folder = gobgp4Folder();
  const executable = path.join(folder, 'gobgpd');
  if (isExecutable(executable) && isExecutable(path.join(folder, 'gobgp'))) return executable;
  const go = findExecutable('go') ?? ['/usr/local/go/bin/go'].find(isExecutable);
  if (go === undefined) return undefined;
  mkdirSync(folder, { recursive: true });
  try {
    const [, , ...args] = goInstall(folder).split(' ');
    execFileSync(go, args, { env: { ...process.env, GOBIN: folder }, stdio: 'pipe', timeout: 600_000 });
  } catch (error) {
    process.stderr.write(`cannot build gobgpd ${GOBGP4_VERSION}: ${error instanceof Error ? error.message : error}\n`);
    return undefined;
  }
  return isExecutable(executable) ? executable : undefined;
}
