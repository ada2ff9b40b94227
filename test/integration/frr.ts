/*
 * A real FRR bgpd as the router of a test, alone and without zebra, looked at through vtysh.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { eventually } from './eventually.ts';

const run = promisify(execFile);

/** Not on anybody's PATH; Debian's package has vtysh beside it, which is. */
const BGPD = '/usr/lib/frr/bgpd';

export interface FrrOptions {
  readonly asn: number;
  readonly address: string;
  readonly port: number;
  readonly neighbor: { readonly address: string; readonly asn: number; readonly port: number };
}

export class Frr {
  readonly options: FrrOptions;
  readonly #folder: string;
  #process: ChildProcess | undefined;
  #log = '';

  private constructor(options: FrrOptions) {
    this.options = options;
    this.#folder = mkdtempSync(path.join(tmpdir(), 'kapkan-frr-'));
    writeFileSync(path.join(this.#folder, 'bgpd.conf'), configOf(options));
  }

  static async start(options: FrrOptions): Promise<Frr> {
    const frr = new Frr(options);
    await frr.launch();
    return frr;
  }

  /** Starts the process (again). Returns when it answers vtysh; the session may still be on its way. */
  async launch(): Promise<void> {
    const { address, port } = this.options;
    const alone = ['--no_zebra', '--no_kernel', '--skip_runas', '--vty_socket', this.#folder, '-A', address, '-P', '0'];
    const files = ['-f', path.join(this.#folder, 'bgpd.conf'), '-i', path.join(this.#folder, 'bgpd.pid')];
    const child = spawn(BGPD, [...alone, ...files, '-p', String(port), '-l', address, '--log', 'stdout']);
    this.#process = child;
    const collect = (chunk: Buffer): void => {
      this.#log += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`bgpd of FRR ended: ${this.#log}`);
      await this.#show('bgp', 'summary');
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

  /** The IPv4 prefixes that it was sent, sorted. */
  async prefixes(): Promise<string[]> {
    const { routes } = JSON.parse(await this.#show('bgp', 'ipv4', 'unicast', 'json')) as { routes?: object };
    return Object.keys(routes ?? {}).sort();
  }

  async dispose(): Promise<void> {
    await this.end();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #show(...words: string[]): Promise<string> {
    const { stdout } = await run('vtysh', [
      '--vty_socket',
      this.#folder,
      '-d',
      'bgpd',
      '-c',
      ['show', ...words].join(' '),
    ]);
    return stdout;
  }
}

function configOf({ asn, address, neighbor }: FrrOptions): string {
  const peer = `neighbor ${neighbor.address}`;
  return `router bgp ${asn}
 bgp router-id ${address}
 bgp graceful-restart
 no bgp ebgp-requires-policy
 ${peer} remote-as ${neighbor.asn}
 ${peer} port ${neighbor.port}
 ${peer} ebgp-multihop 4
 ${peer} timers connect 1
 ${peer} advertisement-interval 0
 address-family ipv6 unicast
  ${peer} activate
 exit-address-family
 address-family ipv4 flowspec
  ${peer} activate
 exit-address-family
 address-family ipv6 flowspec
  ${peer} activate
 exit-address-family
`;
}
