/*
 * The network of deploy/README.md on loopback, out of the very files that are shipped: the injector of
 * gobgp.conf.example, one of the route servers of deploy/route-server, and a member that is a plain gobgpd. Only
 * addresses and ports are replaced.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { eventually } from '../integration/eventually.ts';
import { ALL_FAMILIES, freePort, Gobgpd, loopbackAddress } from '../integration/gobgpd.ts';

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../..');

/** The peering LAN of the shipped files; its hosts keep their last octet. */
const SHIPPED_LAN = '198.51.100.';
const ROUTE_SERVER_HOST = 1;
const INJECTOR_HOST = 10;
/** Of the first member; the second is the next. */
const MEMBER_HOST = 101;

export const ROUTE_SERVER_ASN = 64_500;
const INJECTOR_ASN = 64_512;
const MEMBER_ASN = 64_501;

/** A part of 127/8 that stands for the peering LAN, and the port its route server listens on. */
export class Lab {
  readonly lan: string;
  readonly port: number;
  readonly #t: TestContext;
  readonly #folder: string;

  private constructor(t: TestContext, lan: string, port: number) {
    this.#t = t;
    this.lan = lan;
    this.port = port;
    this.#folder = mkdtempSync(path.join(tmpdir(), 'kapkan-lab-'));
    t.after(() => rmSync(this.#folder, { recursive: true, force: true }));
  }

  static async create(t: TestContext): Promise<Lab> {
    const lan = loopbackAddress().replace(/\d+$/, '');
    return new Lab(t, lan, await freePort(`${lan}${ROUTE_SERVER_HOST}`));
  }

  get routeServer(): string {
    return `${this.lan}${ROUTE_SERVER_HOST}`;
  }

  get injectorAddress(): string {
    return `${this.lan}${INJECTOR_HOST}`;
  }

  async startInjector(gobgpd: string): Promise<Injector> {
    const file = this.#adapt('gobgp.conf.example', (text) =>
      text.replace(/^( *)local-address = .*$/m, `$&\n$1remote-port = ${this.port}`),
    );
    const apiPort = await freePort(this.injectorAddress);
    const api = `${this.injectorAddress}:${apiPort}`;
    this.#spawn(gobgpd, ['-f', file, '--api-hosts', api, '--pprof-disable']);
    const injector = new Injector(path.join(path.dirname(gobgpd), 'gobgp'), this.injectorAddress, apiPort);
    await eventually(async () => (await injector.ask('global')).includes(String(INJECTOR_ASN)));
    return injector;
  }

  startGobgpRouteServer(gobgpd: string): void {
    const file = this.#adapt('deploy/route-server/gobgp.conf', (text) =>
      text.replace(/^( *)router-id = .*$/m, `$&\n$1port = ${this.port}`),
    );
    this.#spawn(gobgpd, ['-f', file, '--api-hosts', `unix://${this.#folder}/api.sock`, '--pprof-disable']);
  }

  startBirdRouteServer(bird: string): void {
    // BIRD takes no loopback address for a direct neighbour.
    const file = this.#adapt('deploy/route-server/bird.conf', (text) =>
      text.replace(`local ${this.routeServer} as`, `multihop; local ${this.routeServer} port ${this.port} as`),
    );
    this.#spawn(bird, ['-f', '-c', file, '-s', `${this.#folder}/bird.ctl`, '-P', `${this.#folder}/bird.pid`]);
  }

  startOpenbgpdRouteServer(bgpd: string): void {
    const file = this.#adapt(
      'deploy/route-server/bgpd.conf',
      (text) =>
        `${text.replace(`listen on ${this.routeServer}`, `$& port ${this.port}`)}\nsocket "${this.#folder}/bgpd.sock"\n`,
    );
    // Its unprivileged processes live in here.
    mkdirSync('/run/openbgpd', { recursive: true });
    this.#spawn(bgpd, ['-d', '-f', file]);
  }

  async startMember(gobgpd: string, member: 1 | 2 = 1): Promise<Gobgpd> {
    const index = member - 1;
    return this.#startGobgpd(gobgpd, `${this.lan}${MEMBER_HOST + index}`, MEMBER_ASN + index, {
      address: this.routeServer,
      asn: ROUTE_SERVER_ASN,
      port: this.port,
    });
  }

  /** In place of a route server: a plain neighbour of the injector. */
  async startNeighbor(gobgpd: string): Promise<Gobgpd> {
    const injector = { address: this.injectorAddress, asn: INJECTOR_ASN, port: 1 };
    return this.#startGobgpd(gobgpd, this.routeServer, ROUTE_SERVER_ASN, injector, this.port);
  }

  async #startGobgpd(
    executable: string,
    address: string,
    asn: number,
    neighbor: { readonly address: string; readonly asn: number; readonly port: number },
    listenPort?: number,
  ): Promise<Gobgpd> {
    const port = listenPort ?? (await freePort(address));
    const neighbors = [{ ...neighbor, families: ALL_FAMILIES }];
    const daemon = await Gobgpd.start({ executable, asn, address, port, neighbors });
    this.#t.after(() => daemon.dispose());
    return daemon;
  }

  /** A copy of a shipped file on this lab's addresses. Throws if `change` found nothing to change. */
  #adapt(shipped: string, change: (text: string) => string): string {
    const moved = readFileSync(path.join(root, shipped), 'utf8').replaceAll(SHIPPED_LAN, this.lan);
    const changed = change(moved);
    if (changed === moved) throw new Error(`${shipped} no longer has the line that sets its port`);
    const file = path.join(this.#folder, path.basename(shipped));
    // OpenBGPD reads no file that others may.
    writeFileSync(file, changed, { mode: 0o600 });
    return file;
  }

  #spawn(executable: string, args: readonly string[]): void {
    const child = spawn(executable, args, { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    this.#t.after(async () => {
      child.kill('SIGTERM');
      await ended;
    });
  }
}

/** The injector as somebody injects into it. */
export class Injector {
  readonly #client: string;
  readonly #target: readonly string[];

  constructor(client: string, address: string, port: number) {
    this.#client = client;
    this.#target = ['-u', address, '-p', String(port)];
  }

  /** What its own command line client answers. */
  async ask(...words: string[]): Promise<string> {
    const { stdout } = await run(this.#client, [...this.#target, ...words]);
    return stdout;
  }
}
