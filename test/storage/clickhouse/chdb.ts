/*
 * A real ClickHouse for a test. Its engine is installed into a cache folder the first time, for it is half a gigabyte
 * that nobody else needs; where that cannot be done, the test skips and says so, or fails with KAPKAN_FORBID_SKIPS=1.
 */
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { skip } from '../../integration/daemons.ts';
import { stateDirectory } from '../stateDirectory.ts';
import type { Behaviour } from './chdbServer.ts';

const VERSION = '3.4.0';

const SERVER = path.resolve(import.meta.dirname, 'chdbServer.ts');

/** The folder of the installed package; undefined when it is missing and the test has been marked as skipped. */
export function requireChdb(t: TestContext): string | undefined {
  const cache = process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache');
  const folder = path.join(cache, 'kapkan', `chdb-${VERSION}`);
  const install = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', `chdb@${VERSION}`];
  const installed = path.join(folder, 'node_modules', 'chdb');
  if (!existsSync(path.join(installed, 'package.json'))) {
    mkdirSync(folder, { recursive: true });
    process.stderr.write(`Installing ClickHouse's engine for tests (540 MB): npm ${install.join(' ')}\n`);
    try {
      execFileSync('npm', install, { cwd: folder, stdio: 'pipe', timeout: 600_000 });
    } catch (error) {
      return skip(t, `npm ${install.join(' ')} failed: ${error instanceof Error ? error.message : error}`);
    }
  }
  return installed;
}

/** A server that can be stopped and started again at its port, with its data; gone after the test. */
export class Chdb {
  readonly #folder: string;
  readonly #data: string;
  #process: ChildProcess | undefined;
  #port = 0;

  constructor(t: TestContext, folder: string) {
    this.#folder = folder;
    // Before the folder is removed: the server writes to it as long as it runs.
    t.after(() => this.kill());
    this.#data = path.join(stateDirectory(t), 'clickhouse');
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    this.#process = fork(SERVER, [this.#folder, this.#data, String(this.#port)]);
    [this.#port] = (await once(this.#process, 'message')) as [number];
  }

  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async behave(behaviour: Behaviour): Promise<void> {
    this.#process?.send(behaviour);
    if (this.#process !== undefined) await once(this.#process, 'message');
  }

  /** A number that the server answers to SQL. */
  async number(sql: string): Promise<number> {
    const answer = await fetch(this.url, { method: 'POST', body: `${sql} FORMAT TSV` });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    return Number(text);
  }

  async text(sql: string): Promise<string> {
    const answer = await fetch(this.url, { method: 'POST', body: `${sql} FORMAT TSVRaw` });
    return answer.text();
  }
}
