/*
 * A real gobgpd of either generation for a test: started on a loopback address of its own, looked at through its own
 * command line client, which shares no code with Kapkan, and killed, stopped and restarted at will.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { eventually } from './eventually.ts';

const run = promisify(execFile);

export interface NeighborConfig {
  readonly address: string;
  readonly asn: number;
  readonly port: number;
  /** As gobgpd names them. */
  readonly families: readonly string[];
  readonly routeServerClient?: boolean;
  /** Of each family; more end the session. */
  readonly maxPrefixes?: number;
  /** Graceful restart, with this deferral time in seconds. */
  readonly deferralSeconds?: number;
}

export interface GobgpdOptions {
  /** From `requireDaemon`; the client is expected beside it. */
  readonly executable: string;
  readonly asn: number;
  readonly address: string;
  readonly port: number;
  readonly neighbors: readonly NeighborConfig[];
  /** Appended to the config file. */
  readonly extraConfig?: string;
  /** Appended to the command line. */
  readonly extraArguments?: readonly string[];
  /** Where the API listens; a free port of `address` unless told. */
  readonly apiHost?: string;
}

export const ALL_FAMILIES = ['ipv4-unicast', 'ipv6-unicast', 'ipv4-flowspec', 'ipv6-flowspec'];

/** What its client lists of one path. */
interface ListedPath {
  readonly attrs: readonly { readonly type: number; readonly value?: unknown; readonly nexthop?: string }[];
}

/** A loopback address no other test uses: 127/8 has room for everybody. */
export function loopbackAddress(): string {
  const octet = (): number => 1 + Math.floor(Math.random() * 253);
  return `127.${20 + Math.floor(Math.random() * 200)}.${octet()}.${octet()}`;
}

/** A port that was free on this address a moment ago. */
export function freePort(address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, address, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === 'object' && bound !== null ? bound.port : 0));
    });
  });
}

export class Gobgpd {
  readonly options: GobgpdOptions;
  /** As `gobgp.address` of Kapkan's config takes it. */
  readonly apiAddress: string;
  readonly #folder: string;
  #process: ChildProcess | undefined;
  #log = '';

  private constructor(options: GobgpdOptions, apiAddress: string) {
    this.options = options;
    this.apiAddress = apiAddress;
    this.#folder = mkdtempSync(path.join(tmpdir(), 'kapkan-gobgpd-'));
    writeFileSync(path.join(this.#folder, 'gobgpd.conf'), configOf(options));
  }

  static async start(options: GobgpdOptions): Promise<Gobgpd> {
    const apiAddress = options.apiHost ?? `${options.address}:${await freePort(options.address)}`;
    const daemon = new Gobgpd(options, apiAddress);
    await daemon.launch();
    return daemon;
  }

  /** Starts the process (again), with an empty RIB, and waits until BGP runs in it. */
  async launch(): Promise<void> {
    const hosts = this.apiAddress.replace(/^unix:\/*/, 'unix:///');
    const args = ['-f', path.join(this.#folder, 'gobgpd.conf'), '--api-hosts', hosts, '--pprof-disable'];
    const child = spawn(this.options.executable, [...args, ...(this.options.extraArguments ?? [])]);
    this.#process = child;
    const collect = (chunk: Buffer): void => {
      this.#log += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    if (this.options.extraArguments !== undefined) return;
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`gobgpd ended: ${this.#log}`);
      const { asn } = (await this.#client('global')) as { asn: number };
      if (asn !== this.options.asn) throw new Error('BGP is not started');
    });
  }

  /** SIGTERM, the clean way, unless told; waits for the end. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGCONT');
    child.kill(signal);
    await ended;
  }

  /** SIGSTOP: connections stay, nothing answers. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  async dispose(): Promise<void> {
    await this.end('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get log(): string {
    return this.#log;
  }

  /** The NLRIs in the global RIB, in gobgp's own words, sorted. */
  async rib(family: 'ipv4' | 'ipv6' | 'ipv4-flowspec' | 'ipv6-flowspec'): Promise<string[]> {
    return Object.keys(await this.#table(family)).sort();
  }

  /** Everything the first path of a unicast prefix says, as JSON text; empty where there is none. */
  async attributes(family: 'ipv4' | 'ipv6' | 'ipv4-flowspec' | 'ipv6-flowspec', nlri: string): Promise<string> {
    const paths = (await this.#table(family))[nlri] ?? [];
    return paths.length === 0 ? '' : JSON.stringify(paths[0].attrs);
  }

  /** Prefixes in the global RIB. */
  async tableSize(): Promise<number> {
    const { num_destination } = (await this.#client('global', 'rib', 'summary')) as { num_destination?: number };
    return num_destination ?? 0;
  }

  /** Whether the global RIB holds this IPv4 prefix; does not list the others. */
  async holds(prefix: string): Promise<boolean> {
    return Object.keys(((await this.#client('global', 'rib', prefix)) ?? {}) as object).length > 0;
  }

  /** `gobgp global rib …` with these words, to inject or withdraw as somebody else. */
  async globalRib(...words: string[]): Promise<void> {
    await this.#client('global', 'rib', ...words);
  }

  /** UPDATE messages received from a neighbour since the session came up. */
  async updatesFrom(neighbor: string): Promise<number> {
    const answer = (await this.#client('neighbor', neighbor)) as {
      state: { messages: { received: { update?: number } } };
    };
    return answer.state.messages.received.update ?? 0;
  }

  async isEstablished(neighbor: string): Promise<boolean> {
    const answer = (await this.#client('neighbor', neighbor)) as { state: { session_state?: number } };
    return answer.state.session_state === 6;
  }

  async #table(family: string): Promise<Record<string, ListedPath[]>> {
    return ((await this.#client('global', 'rib', '-a', family)) ?? {}) as Record<string, ListedPath[]>;
  }

  async #client(...args: string[]): Promise<unknown> {
    const colon = this.apiAddress.lastIndexOf(':');
    const target = ['-u', this.apiAddress.slice(0, colon), '-p', this.apiAddress.slice(colon + 1)];
    const client = path.join(path.dirname(this.options.executable), 'gobgp');
    const { stdout } = await run(client, [...target, '-j', ...args]);
    return stdout.trim() === '' ? undefined : JSON.parse(stdout);
  }
}

function configOf({ asn, address, port, neighbors, extraConfig }: GobgpdOptions): string {
  const global = `[global.config]
  as = ${asn}
  router-id = "${address}"
  port = ${port}
  local-address-list = ["${address}"]
`;
  return [global, ...neighbors.map((neighbor) => neighborConfig(address, neighbor)), extraConfig ?? ''].join('\n');
}

function neighborConfig(localAddress: string, neighbor: NeighborConfig): string {
  const families = neighbor.families.map(
    (family) => `  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "${family}"
${neighbor.maxPrefixes === undefined ? '' : prefixLimit(neighbor.maxPrefixes)}${
  neighbor.deferralSeconds === undefined ? '' : FAMILY_GRACEFUL_RESTART
}`,
  );
  return `[[neighbors]]
  [neighbors.config]
    neighbor-address = "${neighbor.address}"
    peer-as = ${neighbor.asn}
  [neighbors.transport.config]
    local-address = "${localAddress}"
    remote-port = ${neighbor.port}
  [neighbors.route-server.config]
    route-server-client = ${neighbor.routeServerClient ?? false}
${neighbor.deferralSeconds === undefined ? '' : gracefulRestart(neighbor.deferralSeconds)}${families.join('')}`;
}

function prefixLimit(maxPrefixes: number): string {
  return `    [neighbors.afi-safis.prefix-limit.config]
      max-prefixes = ${maxPrefixes}
`;
}

const FAMILY_GRACEFUL_RESTART = `    [neighbors.afi-safis.mp-graceful-restart.config]
      enabled = true
`;

function gracefulRestart(deferralSeconds: number): string {
  return `  [neighbors.graceful-restart.config]
    enabled = true
    restart-time = 60
    deferral-time = ${deferralSeconds}
`;
}
