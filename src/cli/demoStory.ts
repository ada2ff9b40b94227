/*
 * The course of the demo: ordinary traffic, three attacks at once, what is found and what would be announced, and their
 * end. Everything printed is read from the daemon's API over HTTP, as any client would.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AttackJson } from '../shapes/attackJson.ts';
import type { BanJson } from '../shapes/banJson.ts';
import { DEMO_HOSTS } from './demoConfig.ts';
import { type DemoTraffic, sendDemoTraffic } from './demoTraffic.ts';

const QUIET_MS = 1_000;

/** Longer than the window, so that the rates shown are those that are sent. */
const ATTACK_MS = 3_000;

/** How long detection, or the end of an attack, may take before the demo says that something is wrong. */
const PATIENCE_MS = 15_000;
const POLL_MS = 50;

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

export interface DemoStage {
  readonly apiUrl: string;
  readonly collector: { readonly host: string; readonly port: number };
  /** Takes one line of the story. */
  readonly say: (line: string) => void;
  /** Ends the story early; it then rejects with an AbortError. */
  readonly signal: AbortSignal;
}

export async function tellDemoStory(stage: DemoStage): Promise<void> {
  const teller = new StoryTeller(stage);
  await teller.quiet();
  const attacks = await teller.startAttacks();
  await teller.found();
  await teller.atItsHeight();
  await attacks.stop();
  await teller.afterwards();
}

class StoryTeller {
  readonly #stage: DemoStage;
  readonly #startedAt = performance.now();
  #attacksBeganAt = 0;

  constructor(stage: DemoStage) {
    this.#stage = stage;
  }

  async quiet(): Promise<void> {
    const traffic = this.#send([ORDINARY_TRAFFIC]);
    this.#tell(`Ordinary traffic: ${rate(ORDINARY_TRAFFIC)} to ${ORDINARY_TRAFFIC.target}.`);
    await this.#pause(QUIET_MS);
    const { active } = await this.#attacks();
    this.#more(active.length === 0 ? 'No attack, as it should be.' : `${active.length} attacks found, which is wrong.`);
    await traffic.stop();
  }

  async startAttacks(): Promise<{ stop(): Promise<void> }> {
    this.#tell('Three attacks begin at the same moment:');
    for (const attack of ATTACKS) {
      this.#more(`${attack.attack} on ${attack.target}, ${rate(attack)}, exported as ${attack.protocol}`);
    }
    this.#attacksBeganAt = performance.now();
    return this.#send(ATTACKS);
  }

  /** Prints each attack when the API first shows it. */
  async found(): Promise<void> {
    const missing = new Set(ATTACKS.map(({ target }) => target));
    await this.#until('the attacks are found', async () => {
      for (const attack of (await this.#attacks()).active) {
        if (missing.delete(attack.target)) await this.#tellFound(attack);
      }
      return missing.size === 0;
    });
  }

  /** Once the window holds only the attack, the rates shown are the rates sent. */
  async atItsHeight(): Promise<void> {
    await this.#pause(Math.max(0, this.#attacksBeganAt + ATTACK_MS - performance.now()));
    this.#tell('The rates a full window later, corrected for sampling:');
    for (const { target, rates } of (await this.#attacks()).active) {
      this.#more(
        `${target}  ${count(rates.pps)} packets/s, ${rates.mbps.toFixed(1)} Mbit/s, ${count(rates.flows_per_sec)} flows/s`,
      );
    }
    this.#tell('What Prometheus would read at /metrics:');
    const metrics = await this.#text('/metrics');
    for (const line of metrics.split('\n')) {
      if (SHOWN_METRICS.includes(line.split(/[ {]/, 1)[0])) this.#more(line);
    }
  }

  async afterwards(): Promise<void> {
    this.#tell('The attacks stop. Their bans end once it was quiet for unban_hysteresis_seconds.');
    await this.#until('the attacks end', async () => (await this.#attacks()).active.length === 0);
    const { bans } = await this.#json<{ bans: BanJson[] }>('/api/v1/bans');
    this.#tell('All attacks have ended. Their bans:');
    for (const ban of bans) {
      this.#more(`${ban.target}  ${ban.state}: ${ban.reason}`);
    }
  }

  async #tellFound(attack: AttackJson): Promise<void> {
    const afterSeconds = (performance.now() - this.#attacksBeganAt) / 1_000;
    const { type, confidence, src_port: port } = attack.classification;
    this.#tell(`Attack on ${attack.target} (group ${attack.group}) found ${afterSeconds.toFixed(2)} s after it began.`);
    this.#more(
      `classified      ${type}, ${Math.round(confidence * 100)} % of the sample${port === undefined ? '' : `, source port ${port}`}`,
    );
    this.#more(`why             ${attack.reason.text}`);
    this.#more(
      `top sources     ${attack.sample.top_sources
        .slice(0, 3)
        .map(({ key }) => key)
        .join(', ')}`,
    );
    if (attack.route === undefined) this.#more(`not banned      ${await this.#refusal(attack.target)}`);
    else this.#more(`would announce  ${attack.route}`);
  }

  async #refusal(target: string): Promise<string> {
    const { bans } = await this.#json<{ bans: BanJson[] }>('/api/v1/bans');
    return bans.find((ban) => ban.target === target)?.reason ?? 'there is no ban yet';
  }

  #send(traffics: readonly DemoTraffic[]): { stop(): Promise<void> } {
    const stopper = new AbortController();
    const signal = AbortSignal.any([stopper.signal, this.#stage.signal]);
    const sending = Promise.all(traffics.map((traffic) => sendDemoTraffic(traffic, this.#stage.collector, signal)));
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
    const response = await fetch(`${this.#stage.apiUrl}${path}`, { signal: this.#stage.signal });
    if (!response.ok) throw new Error(`GET ${path} was answered with ${response.status}: ${await response.text()}`);
    return response.text();
  }

  async #until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!(await isTrue())) {
      if (performance.now() > deadline)
        throw new Error(`waited ${PATIENCE_MS / 1_000} s until ${what}, without success`);
      await this.#pause(POLL_MS);
    }
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stage.signal });
  }

  /** Begins a paragraph, with the time since the start. */
  #tell(line: string): void {
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    this.#stage.say(`\n[${seconds.toFixed(1).padStart(4)} s] ${line}`);
  }

  #more(line: string): void {
    this.#stage.say(`         ${line}`);
  }
}

function rate(traffic: DemoTraffic): string {
  return `${count(traffic.packetsPerSecond)} packets/s`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
