/*
 * Random histories against a real daemon: decisions, kills, hangs, other people's hands in the RIB and restarts of
 * Kapkan in any order; at the end the RIB holds what is wanted and what is others', nothing else. The seed is printed;
 * KAPKAN_SEED repeats a run, KAPKAN_FAULT_STEPS makes it longer.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SeededRandom } from '../../src/flowgen/seededRandom.ts';
import type { GobgpAnnouncer } from '../../src/gobgp/gobgpAnnouncer.ts';
import type { Route } from '../../src/mitigation/route.ts';
import { blackhole, flowspec, wanted } from '../fixtures/routeFixture.ts';
import { eventually } from './eventually.ts';
import type { Gobgpd } from './gobgpd.ts';
import { executableOf, startAnnouncer, startInjector } from './gobgpLab.ts';

const SEED = Number(process.env.KAPKAN_SEED ?? Date.now() % 1e6);
const STEPS = Number(process.env.KAPKAN_FAULT_STEPS ?? 25);

class History {
  readonly #t: TestContext;
  readonly #daemon: Gobgpd;
  readonly #random: SeededRandom;
  #announcer: GobgpAnnouncer;
  #wanted: readonly Route[] = [];
  /** Last octets of 198.51.100.0/24 where somebody else has a route. */
  readonly #foreign = new Set<number>();
  readonly steps: string[] = [];

  constructor(t: TestContext, daemon: Gobgpd, random: SeededRandom) {
    this.#t = t;
    this.#daemon = daemon;
    this.#random = random;
    this.#announcer = this.#newAnnouncer();
  }

  async step(): Promise<void> {
    const actions = [
      () => this.#decide(),
      () => this.#decide(),
      () => this.#decide(),
      () => this.#kill(),
      () => this.#hang(),
      () => this.#restartKapkan(),
      () => this.#meddle(),
      () => this.#addForeign(),
    ];
    await actions[this.#random.below(actions.length)]();
    if (this.#random.below(2) === 0) await new Promise((resolve) => setTimeout(resolve, this.#random.below(300)));
  }

  async check(): Promise<void> {
    await eventually(() => this.#announcer.isSettled, 10_000);
    await eventually(async () => {
      const unicast = this.#wanted.flatMap((route) => (route.kind === 'unicast' ? [route.prefix.text] : []));
      const foreign = [...this.#foreign].map((octet) => `198.51.100.${octet}/32`);
      assert.deepEqual(await this.#daemon.rib('ipv4'), [...unicast, ...foreign].sort());
      assert.equal((await this.#daemon.rib('ipv4-flowspec')).length, this.#wanted.length - unicast.length);
    }, 8000);
  }

  #newAnnouncer(): GobgpAnnouncer {
    return startAnnouncer(this.#t, this.#daemon.apiAddress, { timeoutSeconds: 1 });
  }

  #octet(): number {
    return 1 + this.#random.below(30);
  }

  #decide(): void {
    const routes = new Map<string, Route>();
    const count = this.#random.below(25);
    for (let i = 0; i < count; i++) {
      const target = `192.0.2.${this.#octet()}`;
      const isRule = this.#random.below(2) === 0;
      const nextHop = this.#random.below(2) === 0 ? '192.0.2.254' : '192.0.2.253';
      routes.set(
        `${target} ${isRule}`,
        isRule ? flowspec(target, { protocols: [17] }) : blackhole(target, { nextHop }),
      );
    }
    this.#wanted = [...routes.values()];
    this.#announcer.setWanted(wanted(...this.#wanted));
    this.steps.push(`want ${routes.size}`);
  }

  async #kill(): Promise<void> {
    this.steps.push('kill');
    await this.#daemon.end('SIGKILL');
    this.#foreign.clear();
    if (this.#random.below(2) === 0) this.#decide();
    await this.#daemon.launch();
  }

  async #hang(): Promise<void> {
    this.steps.push('hang');
    this.#daemon.pause();
    this.#decide();
    await new Promise((resolve) => setTimeout(resolve, this.#random.below(1500)));
    this.#daemon.resume();
  }

  async #restartKapkan(): Promise<void> {
    this.steps.push('restart');
    await this.#announcer.stop();
    this.#announcer = this.#newAnnouncer();
    this.#announcer.setWanted(wanted(...this.#wanted));
  }

  /** Somebody withdraws one of ours. */
  async #meddle(): Promise<void> {
    const route = this.#wanted.find((candidate) => candidate.kind === 'unicast');
    if (route?.kind !== 'unicast') return;
    this.steps.push('meddle');
    await this.#daemon.globalRib('del', route.prefix.text, '-a', 'ipv4');
  }

  async #addForeign(): Promise<void> {
    const octet = this.#octet();
    this.steps.push('foreign');
    this.#foreign.add(octet);
    await this.#daemon.globalRib('add', `198.51.100.${octet}/32`, 'nexthop', '192.0.2.7', '-a', 'ipv4');
  }
}

for (const api of ['v3', 'v4'] as const) {
  test(`${api}: after any history the RIB holds what is wanted and what is others', and nothing else`, async (t) => {
    const executable = executableOf(t, api);
    if (executable === undefined) return;
    t.diagnostic(`KAPKAN_SEED=${SEED} KAPKAN_FAULT_STEPS=${STEPS}`);
    const history = new History(t, await startInjector(t, executable), new SeededRandom(SEED));
    try {
      for (let i = 0; i < STEPS; i++) {
        await history.step();
        if (i % 8 === 7) await history.check();
      }
      await history.check();
    } catch (error) {
      t.diagnostic(history.steps.join(', '));
      throw error;
    }
  });
}
