/*
 * A real BIRD 2 as the router of a test, looked at through birdc.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { findExecutable } from './daemons.ts';
import { eventually } from './eventually.ts';

const run = promisify(execFile);

export interface BirdOptions {
  readonly executable: string;
  readonly asn: number;
  readonly address: string;
  readonly port: number;
  readonly neighbor: { readonly address: string; readonly asn: number; readonly port: number };
}

export class Bird {
  readonly options: BirdOptions;
  readonly #folder: string;
  #process: ChildProcess | undefined;
  #log = '';

  private constructor(options: BirdOptions) {
    this.options = options;
    this.#folder = mkdtempSync(path.join(tmpdir(), 'kapkan-bird-'));
    writeFileSync(this.#file('bird.conf'), configOf(options));
  }

  static async start(options: BirdOptions): Promise<Bird> {
    const bird = new Bird(options);
    await bird.launch();
    return bird;
  }

  /** Starts the process (again). Returns when it answers birdc; the session may still be on its way. */
  async launch(): Promise<void> {
    const args = ['-f', '-c', this.#file('bird.conf'), '-s', this.#file('bird.ctl'), '-P', this.#file('bird.pid')];
    const child = spawn(this.options.executable, args);
    this.#process = child;
    child.stderr.on('data', (chunk: Buffer) => {
      this.#log += chunk.toString();
    });
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`bird ended: ${this.#log}`);
      await this.show('status');
    });
  }

  /** SIGKILL; waits for the end. */
  async end(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** What `birdc show …` prints. */
  async show(...words: string[]): Promise<string> {
    const { stdout } = await run(findExecutable('birdc') ?? 'birdc', ['-s', this.#file('bird.ctl'), 'show', ...words]);
    return stdout;
  }

  /** The IPv4 prefixes that it was sent, sorted. */
  async prefixes(): Promise<string[]> {
    const text = await this.show('route', 'protocol', 'kapkan');
    return [...text.matchAll(/^(\d+\.\d+\.\d+\.\d+\/\d+) /gm)].map(([, prefix]) => prefix).sort();
  }

  async dispose(): Promise<void> {
    await this.end();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #file(name: string): string {
    return path.join(this.#folder, name);
  }
}

function configOf({ asn, address, port, neighbor }: BirdOptions): string {
  const channels = ['ipv4', 'ipv6', 'flow4', 'flow6'].map((name) => `  ${name} { import all; export none; };`);
  return `router id ${address};
protocol device {}
flow4 table flowtab4;
flow6 table flowtab6;
protocol bgp kapkan {
  local ${address} port ${port} as ${asn};
  neighbor ${neighbor.address} port ${neighbor.port} as ${neighbor.asn};
  multihop 4;
  connect delay time 1;
  connect retry time 1;
${channels.join('\n')}
}
`;
}
