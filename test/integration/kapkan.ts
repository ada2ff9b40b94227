/*
 * The real daemon as a process of its own, so that tests can kill it: its config file, its API, its log, and telemetry
 * sent to it. Torn down after the test.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { AttackName } from '../../src/flowgen/attackProfiles.ts';
import { AttackTraffic } from '../../src/flowgen/attackTraffic.ts';
import type { TelemetryProtocol } from '../../src/flowgen/createEncoder.ts';
import { SendSchedule, sendTelemetry } from '../../src/flowgen/sendTelemetry.ts';
import { parseAddress } from '../../src/net/address.ts';
import { eventually } from './eventually.ts';

/** On a machine that many tests share. */
const START_MS = 30_000;

const MAIN = path.resolve(import.meta.dirname, '../../src/kapkan.js');

/** As the API shows it, of what the tests look at. */
export interface BanAnswer {
  readonly id: string;
  readonly target: string;
  readonly state: string;
  readonly dry_run: boolean;
  readonly manual: boolean;
  readonly method: string;
  readonly route?: string;
  readonly reason: string;
  readonly ended_by?: string;
  readonly fell_back_from?: string;
  readonly expires_at: string;
  readonly rib?: {
    readonly installed: boolean;
    readonly advertised_to: readonly string[];
    readonly last_error?: string;
  };
}

export interface AttackAnswer {
  readonly target: string;
  readonly active: boolean;
  readonly rates: { readonly [metric: string]: number };
  readonly classification: { readonly type: string };
}

export interface Flood {
  readonly target: string;
  readonly attack?: AttackName;
  readonly protocol?: TelemetryProtocol;
  readonly packetsPerSecond?: number;
  readonly sampling?: number;
  readonly packetBytes?: number;
}

export class Kapkan {
  readonly #folder: string;
  readonly #file: string;
  #process: ChildProcess | undefined;
  #log = '';
  #api = '';
  #telemetry: readonly string[] = [];
  readonly #teardown = new AbortController();

  constructor(t: Pick<TestContext, 'after'>, config: string) {
    this.#folder = mkdtempSync(path.join(tmpdir(), 'kapkan-daemon-'));
    this.#file = path.join(this.#folder, 'kapkan.yaml');
    this.configure(config);
    t.after(async () => {
      this.#teardown.abort();
      await this.end('SIGKILL');
      rmSync(this.#folder, { recursive: true, force: true });
    });
  }

  get configFile(): string {
    return this.#file;
  }

  /** URL of its API. */
  get api(): string {
    return this.#api;
  }

  get stateFile(): string {
    return path.join(this.#folder, 'kapkan-state', 'kapkan.db');
  }

  /** The port of the listener; of the first for NetFlow, of the last for sFlow. */
  telemetryPort(kind: 'netflow' | 'sflow'): number {
    const listener = this.#telemetry[kind === 'sflow' ? this.#telemetry.length - 1 : 0];
    return Number(listener.slice(listener.lastIndexOf(':') + 1));
  }

  /** Everything it logged, over all its lives. */
  get log(): string {
    return this.#log;
  }

  /** Writes another config; it is read at the next start or reload. */
  configure(config: string): void {
    writeFileSync(this.#file, config);
  }

  /** Resolves when the API says `ok`; rejects with the log where the process ends instead. */
  async start(): Promise<this> {
    const child = spawn(process.execPath, [MAIN, 'run', '--config', this.#file], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = child;
    this.#api = '';
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      this.#log += chunk.toString();
      const running = text.split('\n').find((line) => line.includes('Kapkan is running'));
      if (running === undefined || this.#api !== '') return;
      const { api, telemetry } = JSON.parse(running) as { api: string; telemetry: string[] };
      this.#api = api;
      this.#telemetry = telemetry;
    });
    await eventually(() => this.#api !== '' || child.exitCode !== null, START_MS);
    if (child.exitCode !== null) throw new Error(`Kapkan ended with ${child.exitCode}: ${text}`);
    return this;
  }

  /** Answers the exit code; null where a signal ended it. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill(signal);
    await ended;
    return child.exitCode;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  async get<T>(route: string): Promise<T> {
    const answer = await fetch(`${this.#api}${route}`);
    if (!answer.ok) throw new Error(`${route}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  async post(route: string, body: unknown = {}): Promise<{ status: number; body: BanAnswer & { errors?: string[] } }> {
    const answer = await fetch(`${this.#api}${route}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: (await answer.json()) as BanAnswer & { errors?: string[] } };
  }

  async bans(target?: string): Promise<readonly BanAnswer[]> {
    const { bans } = await this.get<{ bans: BanAnswer[] }>('/api/v1/bans');
    return target === undefined ? bans : bans.filter((ban) => ban.target === target);
  }

  async activeBan(target: string): Promise<BanAnswer | undefined> {
    return (await this.bans(target)).find((ban) => ban.state === 'active');
  }

  async attacks(): Promise<{ readonly active: readonly AttackAnswer[]; readonly recent: readonly AttackAnswer[] }> {
    return this.get('/api/v1/attacks');
  }

  /** The value of one sample, labels as they are written: `name{mode="real"}`. */
  async metric(sample: string): Promise<number> {
    const text = await (await fetch(`${this.#api}/metrics`)).text();
    const line = text.split('\n').find((row) => row.startsWith(`${sample} `));
    if (line === undefined) throw new Error(`no ${sample} in /metrics`);
    return Number(line.slice(sample.length + 1));
  }

  /** Sends telemetry of a flood until the returned function is called, which waits for the last datagram. */
  flood(flood: Flood): () => Promise<void> {
    const protocol = flood.protocol ?? 'netflow5';
    const sampling = flood.sampling ?? 100;
    const target = parseAddress(flood.target);
    if (target === undefined) throw new Error(`${flood.target} is no address`);
    const stop = new AbortController();
    const sent = sendTelemetry({
      host: '127.0.0.1',
      port: this.telemetryPort(protocol === 'sflow5' ? 'sflow' : 'netflow'),
      protocol,
      sampling,
      schedule: new SendSchedule((flood.packetsPerSecond ?? 100_000) / sampling, 600),
      traffic: new AttackTraffic({
        attack: flood.attack ?? 'udp_flood',
        target,
        packetBytes: flood.packetBytes,
        packetsPerRecord: 1,
        seed: 1,
      }),
      signal: AbortSignal.any([stop.signal, this.#teardown.signal]),
    });
    return async () => {
      stop.abort();
      await sent;
    };
  }
}
