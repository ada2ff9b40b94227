/*
 * The steps of the demo: ordinary traffic, three attacks at once, what is found and what would be announced, and their
 * end. Everything printed is read from the daemon's API over HTTP, as any client would.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AttackName } from '../flowgen/attackProfiles.ts';
import { AttackTraffic } from '../flowgen/attackTraffic.ts';
import type { TelemetryProtocol } from '../flowgen/createEncoder.ts';
import { SendSchedule, sendTelemetry } from '../flowgen/sendTelemetry.ts';
import { parseAddress } from '../net/address.ts';
import type { AttackJson } from '../shapes/attackJson.ts';
import type { BanJson } from '../shapes/banJson.ts';
import { DEMO_HOSTS } from './demoConfig.ts';

const QUIET_MS = 1_000;

/** Longer than the window, so that the rates shown are those that are sent. */
const ATTACK_MS = 3_000;

/** How long detection, or the end of an attack, may take before the demo says that something is wrong. */
const LONGEST_WAIT_MS = 15_000;
const POLL_MS = 50;

/** One in this many packets is sampled. */
const SAMPLING = 100;

/** Longer than any demo; the signal ends it. */
const FOREVER_SECONDS = 7 * 86_400;

export interface DemoTraffic {
  readonly attack: AttackName;
  readonly target: string;
  readonly protocol: TelemetryProtocol;
  readonly packetsPerSecond: number;
}

export const ORDINARY_TRAFFIC: DemoTraffic = {
  attack: 'normal',
  target: DEMO_HOSTS.quiet,
  protocol: 'netflow5',
  packetsPerSecond: 5_000,
};

/** One exporter protocol each, so that no two senders number the same datagrams. */
const ATTACKS: readonly DemoTraffic[] = [
  { attack: 'ntp_amplification', target: DEMO_HOSTS.web, protocol: 'ipfix', packetsPerSecond: 250_000 },
  { attack: 'syn_flood', target: DEMO_HOSTS.customer, protocol: 'netflow9', packetsPerSecond: 150_000 },
  { attack: 'udp_flood', target: DEMO_HOSTS.resolver, protocol: 'netflow5', packetsPerSecond: 120_000 },
];

const SHOWN_METRICS = [
  'kapkan_ingest_flows_total',
  'kapkan_engine_active_attacks',
  'kapkan_mitigate_announced_routes',
  'kapkan_mitigate_flowspec_rules',
  'kapkan_mitigate_bans_rejected_total',
];

export interface DemoOptions {
  readonly apiUrl: string;
  readonly collector: { readonly host: string; readonly port: number };
  /** Prints one line. */
  readonly print: (line: string) => void;
  /** Ends the demo early; the sequence then rejects with an AbortError. */
  readonly signal: AbortSignal;
}

export async function runDemoSequence(options: DemoOptions): Promise<void> {
  const demo = new DemoSequence(options);
  await demo.sendOrdinaryTraffic();
  const attacks = await demo.startAttacks();
  await demo.printAttacks();
  await demo.printRates();
  await attacks.stop();
  await demo.printEnds();
}

class DemoSequence {
  readonly #options: DemoOptions;
  readonly #startedAt = performance.now();
  #attacksBeganAt = 0;

  constructor(options: DemoOptions) {
    this.#options = options;
  }

  async sendOrdinaryTraffic(): Promise<void> {
    const traffic = this.#send([ORDINARY_TRAFFIC]);
    this.#print(`Ordinary traffic: ${rate(ORDINARY_TRAFFIC)} to ${ORDINARY_TRAFFIC.target}.`);
    await this.#pause(QUIET_MS);
    const { active } = await this.#attacks();
    this.#printMore(
      active.length === 0 ? 'No attack, as it should be.' : `${active.length} attacks found, which is wrong.`,
    );
    await traffic.stop();
  }

  async startAttacks(): Promise<{ stop(): Promise<void> }> {
    this.#print('Three attacks begin at the same moment:');
    for (const attack of ATTACKS) {
      this.#printMore(`${attack.attack} on ${attack.target}, ${rate(attack)}, exported as ${attack.protocol}`);
    }
    this.#attacksBeganAt = performance.now();
    return this.#send(ATTACKS);
  }

  /** Prints each attack when the API first shows it. */
  async printAttacks(): Promise<void> {
    const missing = new Set(ATTACKS.map(({ target }) => target));
    await this.#until('the attacks are found', async () => {
      for (const attack of (await this.#attacks()).active) {
        if (missing.delete(attack.target)) await this.#printFound(attack);
      }
      return missing.size === 0;
    });
  }

  /** Once the window holds only the attack, the rates shown are the rates sent. */
  async printRates(): Promise<void> {
    await this.#pause(Math.max(0, this.#attacksBeganAt + ATTACK_MS - performance.now()));
    this.#print('The rates a full window later, corrected for sampling:');
    for (const { target, rates } of (await this.#attacks()).active) {
      this.#printMore(
        `${target}  ${count(rates.pps)} packets/s, ${rates.mbps.toFixed(1)} Mbit/s, ${count(rates.flows_per_sec)} flows/s`,
      );
    }
    this.#print('What Prometheus would read at /metrics:');
    const metrics = await this.#text('/metrics');
    for (const line of metrics.split('\n')) {
      if (SHOWN_METRICS.includes(line.split(/[ {]/, 1)[0])) this.#printMore(line);
    }
  }

  async printEnds(): Promise<void> {
    this.#print('The attacks stop. Their bans end once it was quiet for unban_hysteresis_seconds.');
    await this.#until('the attacks end', async () => (await this.#attacks()).active.length === 0);
    const { bans } = await this.#json<{ bans: BanJson[] }>('/api/v1/bans');
    this.#print('All attacks have ended. Their bans:');
    for (const ban of bans) {
      this.#printMore(`${ban.target}  ${ban.state}: ${ban.reason}`);
    }
  }

  async #printFound(attack: AttackJson): Promise<void> {
    const afterSeconds = (performance.now() - this.#attacksBeganAt) / 1_000;
    const { type, confidence, src_port: port } = attack.classification;
    this.#print(
      `Attack on ${attack.target} (group ${attack.group}) found ${afterSeconds.toFixed(2)} s after it began.`,
    );
    this.#printMore(
      `classified      ${type}, ${Math.round(confidence * 100)} % of the sample${port === undefined ? '' : `, source port ${port}`}`,
    );
    this.#printMore(`why             ${attack.reason.text}`);
    this.#printMore(
      `top sources     ${attack.sample.top_sources
        .slice(0, 3)
        .map(({ key }) => key)
        .join(', ')}`,
    );
    if (attack.route === undefined) this.#printMore(`not banned      ${await this.#refusal(attack.target)}`);
    else this.#printMore(`would announce  ${attack.route}`);
  }

  async #refusal(target: string): Promise<string> {
    const { bans } = await this.#json<{ bans: BanJson[] }>('/api/v1/bans');
    return bans.find((ban) => ban.target === target)?.reason ?? 'there is no ban yet';
  }

  #send(traffics: readonly DemoTraffic[]): { stop(): Promise<void> } {
    const stopper = new AbortController();
    const signal = AbortSignal.any([stopper.signal, this.#options.signal]);
    const sending = Promise.all(traffics.map((traffic) => sendDemoTraffic(traffic, this.#options.collector, signal)));
    // `stop` reports it; if the demo fails before, its own error is reported.
    sending.catch(() => undefined);
    return {
      stop: async () => {
        stopper.abort();
        await sending;
      },
    };
  }

  #attacks(): Promise<{ active: AttackJson[]; recent: AttackJson[] }> {
    return this.#json('/api/v1/attacks');
  }

  async #json<T>(path: string): Promise<T> {
    return JSON.parse(await this.#text(path)) as T;
  }

  async #text(path: string): Promise<string> {
    const response = await fetch(`${this.#options.apiUrl}${path}`, { signal: this.#options.signal });
    if (!response.ok) throw new Error(`GET ${path} was answered with ${response.status}: ${await response.text()}`);
    return response.text();
  }

  async #until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + LONGEST_WAIT_MS;
    while (!(await isTrue())) {
      if (performance.now() > deadline)
        throw new Error(`waited ${LONGEST_WAIT_MS / 1_000} s until ${what}, without success`);
      await this.#pause(POLL_MS);
    }
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#options.signal });
  }

  /** Begins a paragraph, with the time since the start. */
  #print(line: string): void {
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    this.#options.print(`\n[${seconds.toFixed(1).padStart(4)} s] ${line}`);
  }

  #printMore(line: string): void {
    this.#options.print(`         ${line}`);
  }
}

function rate(traffic: DemoTraffic): string {
  return `${count(traffic.packetsPerSecond)} packets/s`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Sends traffic through a real socket, as routers would. Resolves when the signal is aborted. */
export async function sendDemoTraffic(
  { attack, target, protocol, packetsPerSecond }: DemoTraffic,
  collector: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<void> {
  const address = parseAddress(target);
  if (address === undefined) throw new Error(`Cannot send: target must be an IP address, got ${target}`);
  const seed = address.word3;
  const traffic = new AttackTraffic({ attack, target: address, packetBytes: undefined, packetsPerRecord: 1, seed });
  const schedule = new SendSchedule(packetsPerSecond / SAMPLING, FOREVER_SECONDS);
  await sendTelemetry({ ...collector, protocol, sampling: SAMPLING, traffic, schedule, signal });
}
