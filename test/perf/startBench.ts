/*
 * How long the daemon takes from its start to `/healthz` saying `ok`, and how much memory it holds then, before any
 * traffic: the smallest config, dry-run, no GoBGP. The first start has no compiled code to read; those that follow find
 * what it left. Run alone: `node test/perf/startBench.ts`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../integration/gobgpd.ts';
import type { BenchRow } from './decodeBench.ts';

const MAIN = path.resolve(import.meta.dirname, '../../src/kapkan.js');
const POLL_MS = 5;
/** Until everything that is loaded beside the start is there. */
const SETTLE_MS = 2000;

interface Start {
  readonly seconds: number;
  readonly residentMib: number;
}

export async function benchStart(short: boolean): Promise<BenchRow[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'kapkan-bench-start-'));
  try {
    const first = await start(folder);
    const next: Start[] = [];
    for (let i = 0; i < (short ? 3 : 9); i++) next.push(await start(folder));
    const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1];
    return [
      { name: 'start to healthy, nothing compiled yet', value: first.seconds, unit: 's' },
      { name: 'start to healthy', value: median(next.map(({ seconds }) => seconds)), unit: 's, median' },
      { name: 'memory before traffic, nothing compiled yet', value: first.residentMib, unit: 'MiB resident' },
      {
        name: 'memory before traffic',
        value: median(next.map(({ residentMib }) => residentMib)),
        unit: 'MiB resident',
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function start(folder: string): Promise<Start> {
  const host = '127.0.0.1';
  const [api, gobgp] = [await freePort(host), await freePort(host)];
  const file = path.join(folder, 'kapkan.yaml');
  writeFileSync(
    file,
    `listen: { netflow: "${host}:0", sflow: "${host}:0" }
networks: [203.0.113.0/24, "2001:db8::/32"]
thresholds: { pps: 100000, mbps: 1000, flows_per_sec: 5000 }
ban: { ttl_seconds: 900, max_active_bans: 50 }
gobgp: { address: "${host}:${gobgp}" }
api: { listen: "${host}:${api}" }
`,
  );
  const env = { ...process.env, NODE_COMPILE_CACHE: path.join(folder, 'cache') };
  const startedAt = performance.now();
  const daemon = spawn(process.execPath, [MAIN, 'run', '--config', file], { stdio: 'ignore', env });
  const ended = once(daemon, 'exit');
  while (!(await isHealthy(`http://${host}:${api}/healthz`))) {
    if (daemon.exitCode !== null) throw new Error(`the daemon ended with ${daemon.exitCode}`);
    await sleep(POLL_MS);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  await sleep(SETTLE_MS);
  const [, resident] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8')) ?? [];
  // A clean stop, so that the compiled code is kept.
  daemon.kill('SIGTERM');
  await ended;
  return { seconds, residentMib: Number(resident) / 1024 };
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

if (import.meta.main) console.table(await benchStart(process.argv.includes('--short')));
