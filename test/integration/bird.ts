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
  readonly #folder: string;
  readonly #process: ChildProcess;
  #log = '';

  private constructor(options: BirdOptions) {
    this.#folder = mkdtempSync(path.join(tmpdir(), 'kapkan-bird-'));
    writeFileSync(this.#file('bird.conf'), configOf(options));
    const args = ['-f', '-c', this.#file('bird.conf'), '-s', this.#file('bird.ctl'), '-P', this.#file('bird.pid')];
    this.#process = spawn(options.executable, args);
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      this.#log += chunk.toString();
    });
  }

  /** Returns when it answers birdc; the session may still be on its way. */
  static async start(options: BirdOptions): Promise<Bird> {
    const bird = new Bird(options);
    await eventually(async () => {
      if (bird.#process.exitCode !== null) throw new Error(`bird ended: ${bird.#log}`);
      await bird.show('status');
    });
    return bird;
  }

  /** What `birdc show …` prints. */
  async show(...words: string[]): Promise<string> {
    const { stdout } = await run(findExecutable('birdc') ?? 'birdc', ['-s', this.#file('bird.ctl'), 'show', ...words]);
    return stdout;
  }

  async dispose(): Promise<void> {
    if (this.#process.exitCode === null) {
      const ended = new Promise((resolve) => this.#process.once('exit', resolve));
      this.#process.kill('SIGKILL');
      await ended;
    }
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
