/*
 * A small world around the controller, for the model test: a detector, an operator, a disk, a GoBGP and a clock, each
 * of which may do its worst at any time. After every step all safety rules are checked against what is wanted in the
 * RIB.
 */
import assert from 'node:assert/strict';
import type { Config } from '../../src/config/config.ts';
import type { EscalationRung } from '../../src/config/sections/mitigation.ts';
import type { Attack, AttackType } from '../../src/engine/attack.ts';
import type { Announcement } from '../../src/mitigation/announcer.ts';
import type { Ban } from '../../src/mitigation/ban.ts';
import type { RouteFamily } from '../../src/mitigation/route.ts';
import { containsAddress } from '../../src/net/prefix.ts';
import { address, prefix } from '../fixtures/addressFixture.ts';
import { attackFixture } from '../fixtures/attackFixture.ts';
import { activeBanOf } from '../fixtures/banFixture.ts';
import { type ConfigOverrides, configFixture, groupFixture, NO_LIMITS } from '../fixtures/configFixture.ts';
import { FakeGobgp } from './fakeGobgp.ts';
import { KapkanProcess, type Moment } from './kapkanProcess.ts';
import { MemoryStore } from './memoryStore.ts';
import {
  assertAnnouncable,
  assertEnds,
  assertFollowsConfig,
  assertStillCovered,
  assertStored,
  assertStoredExpiries,
  assertWithinCaps,
  type WorldMoment,
} from './safetyRules.ts';

const TICK_MS = 500;

/** Hosts 4 and 5 have a ladder, 6 and 7 are IPv6. */
export const HOSTS = [
  '198.51.100.0',
  '198.51.100.1',
  '198.51.100.2',
  '198.51.100.3',
  '198.51.100.4',
  '198.51.100.5',
  '2001:db8:1::1',
  '2001:db8:1::2',
];

export type Step =
  | { readonly do: 'flood'; readonly host: number; readonly type: AttackType }
  | { readonly do: 'stopFlood'; readonly host: number }
  /** The attack on the host, if there is one, turns out to be of another vector. */
  | { readonly do: 'changeVector'; readonly host: number; readonly type: AttackType }
  | { readonly do: 'wait'; readonly ticks: number }
  | {
      readonly do: 'ban';
      readonly host: number;
      readonly method: 'blackhole' | 'flowspec' | 'divert' | undefined;
      readonly ttlSeconds: number;
    }
  | { readonly do: 'unban'; readonly host: number }
  | { readonly do: 'reload'; readonly settings: Partial<Settings> }
  | { readonly do: 'crash'; readonly strikes: 'now' | Moment; readonly downTicks: number }
  /** An orderly one, with a config that may be another. */
  | { readonly do: 'restart'; readonly settings: Partial<Settings>; readonly downTicks: number }
  | { readonly do: 'disk'; readonly works: boolean }
  | { readonly do: 'gobgp'; readonly becomes: 'up' | 'down' | 'empty' }
  | { readonly do: 'peers'; readonly hear: readonly RouteFamily[] }
  | { readonly do: 'refuseFlowspec'; readonly refuse: boolean };

/** What reloads play with. */
export interface Settings {
  readonly dryRun: boolean;
  readonly whitelistedHost: number | undefined;
  readonly withIpv6: boolean;
  readonly maxActiveBans: number;
  readonly maxBannedFraction: number;
  readonly maxBansPerWindow: number;
  readonly groupMaxActiveBans: number;
  readonly flowspecMaxRules: number;
  readonly mitigation: 'blackhole' | 'flowspec' | 'divert' | 'none';
  readonly fallback: 'blackhole' | 'none';
  readonly localPref: number | undefined;
  /** How many rungs the ladder has; without any, its group has the method of the rest. */
  readonly rungs: 0 | 2 | 4;
  readonly ladderGroup: 'ladder' | 'stairs';
  readonly onShutdown: 'keep' | 'withdraw';
}

export const CALM: Settings = {
  dryRun: false,
  whitelistedHost: undefined,
  withIpv6: true,
  maxActiveBans: 100,
  maxBannedFraction: 1,
  maxBansPerWindow: Number.POSITIVE_INFINITY,
  groupMaxActiveBans: Number.POSITIVE_INFINITY,
  flowspecMaxRules: Number.POSITIVE_INFINITY,
  mitigation: 'blackhole',
  fallback: 'blackhole',
  localPref: undefined,
  rungs: 4,
  ladderGroup: 'ladder',
  onShutdown: 'keep',
};

export class MitigationWorld {
  now = 1_000_000;
  config: Config;
  readonly store = new MemoryStore();
  readonly gobgp = new FakeGobgp();
  process: KapkanProcess;
  #settings: Settings;
  #ids = 0;
  /** The detector: open attacks by host, and which of them are still being seen. */
  readonly #attacks = new Map<number, Attack>();
  readonly #flowing = new Set<number>();
  /** Bans whose end the disk knows of. */
  readonly #over = new Set<string>();
  #diskRepairedAt = 0;
  /** For how long Kapkan is down after the next crash. */
  #downMs = 0;

  constructor(settings: Settings = CALM) {
    this.#settings = settings;
    this.config = configOf(settings);
    this.process = this.#start();
    this.controller.restore(this.now);
  }

  get controller() {
    return this.process.controller;
  }

  /** Takes a step, then checks every rule. */
  take(step: Step): void {
    if (step.do === 'wait') {
      for (let tick = 0; tick < step.ticks; tick++) this.#checked(step, () => this.#tick());
    } else {
      this.#checked(step, () => this.#act(step));
    }
  }

  /** Nothing fails any more, and there was time for all that follows from it. */
  heal(): void {
    this.take({ do: 'disk', works: true });
    this.take({ do: 'gobgp', becomes: 'up' });
    this.take({ do: 'refuseFlowspec', refuse: false });
    this.take({ do: 'wait', ticks: 60 });
  }

  ribKeys(): string[] {
    return [...this.gobgp.rib.keys()].sort();
  }

  wantedKeys(): string[] {
    return this.process
      .wanted()
      .map(({ key }) => key)
      .sort();
  }

  /** Open attacks that are being seen, with the hosts they are on. */
  seenAttacks(): Attack[] {
    return [...this.#flowing].map((host) => this.#attacks.get(host)).filter((attack) => attack !== undefined);
  }

  #act(step: Exclude<Step, { do: 'wait' }>): void {
    switch (step.do) {
      case 'flood':
        this.#flowing.add(step.host);
        if (!this.#attacks.has(step.host)) this.#open(step.host, step.type);
        return;
      case 'stopFlood':
        this.#flowing.delete(step.host);
        return;
      case 'changeVector':
        this.#changeVector(step.host, step.type);
        return;
      case 'ban':
        this.#ban(step);
        return;
      case 'unban':
        this.controller.unban(address(HOSTS[step.host]), this.now, 'oper');
        return;
      case 'reload':
        this.#configure(step.settings);
        this.controller.reconfigure(this.config, this.#protectedAttacks(), this.now);
        return;
      case 'crash':
        this.#downMs = step.downTicks * TICK_MS;
        if (step.strikes === 'now') this.process.alive = false;
        else this.process.diesAt = step.strikes;
        return;
      case 'restart':
        this.#downMs = step.downTicks * TICK_MS;
        this.controller.shutdown(this.now);
        this.process.reconcile();
        this.#configure(step.settings);
        this.process.alive = false;
        return;
      case 'disk':
        if (step.works && this.store.failure !== undefined) this.#diskRepairedAt = this.now;
        this.store.failure = step.works ? undefined : 'disk full';
        return;
      case 'gobgp':
        this.gobgp.up = step.becomes !== 'down';
        if (step.becomes === 'empty') this.gobgp.rib.clear();
        return;
      case 'peers':
        this.gobgp.hears = new Set(step.hear);
        return;
      case 'refuseFlowspec':
        this.gobgp.refuses = (route) => step.refuse && route.kind === 'flowspec';
    }
  }

  #configure(settings: Partial<Settings>): void {
    this.#settings = { ...this.#settings, ...settings };
    this.config = configOf(this.#settings);
  }

  #tick(): void {
    this.now += TICK_MS;
    this.controller.batch(this.now, () => {
      for (const [host, attack] of this.#attacks) {
        if (this.#flowing.has(host)) {
          attack.lastSeenAt = this.now;
          this.controller.attackSeen(attack.id, this.now);
        } else if (this.now - attack.lastSeenAt >= this.#hysteresisMs()) {
          this.#attacks.delete(host);
          this.controller.attackEnded(attack.id, this.now);
        }
      }
      for (const host of this.#flowing) if (!this.#attacks.has(host)) this.#open(host, 'udp_flood');
    });
    this.controller.tick(this.now);
    this.process.reconcile();
  }

  #open(host: number, type: AttackType): void {
    if (!this.#isProtected(host)) return;
    const attack = attackFixture(`attack-${++this.#ids}`, HOSTS[host], this.now, { type });
    this.#attacks.set(host, attack);
    this.controller.attackOpened(attack, this.now);
  }

  #changeVector(host: number, type: AttackType): void {
    const attack = this.#attacks.get(host);
    if (attack === undefined) return;
    attack.classification = attackFixture('any', HOSTS[host], this.now, { type }).classification;
    this.controller.vectorChanged(attack, this.now);
  }

  #ban(step: Extract<Step, { do: 'ban' }>): void {
    const before = this.wantedKeys();
    const { rejected } = this.controller.counters();
    const { method, ttlSeconds } = step;
    const request = { target: address(HOSTS[step.host]), method, ttlSeconds, operator: 'oper' };
    const { ok, ban } = this.controller.ban(request, this.now);
    if (ok || !this.process.alive) return;
    assert.equal(ban.state, 'rejected');
    assert.deepEqual(this.wantedKeys(), before, 'rule 7: a refused ban changes nothing');
    assert.equal(this.controller.counters().rejected, rejected + 1);
    assert.ok(this.controller.bans().some(({ id }) => id === ban.id));
    assert.ok(this.process.events.some((event) => event.kind === 'ban_rejected' && event.ban.id === ban.id));
  }

  /** A detector ends the attacks of hosts that are no longer protected when the config is reloaded. */
  #protectedAttacks(): Attack[] {
    for (const [host, attack] of this.#attacks) {
      if (this.#isProtected(host)) continue;
      this.#attacks.delete(host);
      this.controller.attackEnded(attack.id, this.now);
    }
    return [...this.#attacks.values()];
  }

  #checked(step: Step, work: () => void): void {
    const activeBefore = new Set(this.controller.activeBans().map(({ id }) => id));
    const savedBefore = this.store.loadActive().filter(({ id }) => activeBefore.has(id));
    const { wanted, wouldBe } = this.#moment();
    const coveredBefore = new Set([...wanted, ...wouldBe].map(({ victim }) => victim));
    this.process.events.length = 0;
    work();
    const crashed = !this.process.alive;
    if (crashed) this.#recover(savedBefore);

    const moment = this.#moment();
    assertAnnouncable(moment);
    assertWithinCaps(moment);
    assertEnds(moment, crashed ? 0 : TICK_MS);
    const rulesChanged = step.do === 'reload' && this.store.failure !== undefined;
    if (!crashed) assertStillCovered(coveredBefore, moment, this.#attackedTargets(), rulesChanged);
    // A save that failed is tried again a second later.
    if (this.store.failure === undefined && this.now - this.#diskRepairedAt > 2000) {
      this.#checkStore(moment, crashed);
      assertFollowsConfig(moment);
    }
  }

  /** With a disk that works, nothing that runs is past on it, and what was seen to have ended stays ended. */
  #checkStore(moment: WorldMoment, crashed: boolean): void {
    const stored = this.store.loadActive();
    assertStoredExpiries(moment, stored);
    for (const { id } of crashed ? moment.active : [])
      assert.ok(!this.#over.has(id), `ban ${id} came back from the dead`);
    const running = new Set(moment.active.map(({ id }) => id));
    if (!stored.every(({ id }) => running.has(id))) return;
    for (const { id } of moment.past) this.#over.add(id);
  }

  #moment(): WorldMoment {
    const bans = this.controller.bans();
    return {
      now: this.now,
      config: this.config,
      wanted: this.process.wanted(),
      wouldBe: this.process.wouldBeWanted(),
      active: bans.filter(({ state }) => state === 'active'),
      past: bans.filter(({ state }) => state !== 'active'),
      events: this.process.events,
    };
  }

  /** The old process is gone; after a while the next one finds the disk and the RIB as they were left. */
  #recover(savedBefore: readonly Ban[]): void {
    const stored = new Set(this.store.loadActive().map(({ id }) => id));
    this.now += this.#downMs;
    this.process = this.#start();
    const known = new Set(this.controller.restore(this.now).map(({ id }) => id));
    for (const event of this.process.events) if (event.kind === 'ban_ended') known.add(event.ban.id);
    for (const { id } of savedBefore) {
      assert.ok(known.has(id) || !stored.has(id), `ban ${id} was lost by a restart`);
    }
    for (const [host, attack] of [...this.#attacks]) {
      const ban = activeBanOf(this.controller, HOSTS[host]);
      // The new detector resumes the attacks of adopted bans and finds the rest anew.
      if (ban?.attackId === attack.id) attack.lastSeenAt = this.now;
      else this.#attacks.delete(host);
    }
  }

  #start(): KapkanProcess {
    const { config, store, gobgp } = this;
    const onWanted = (wanted: ReadonlyMap<string, Announcement>) => assertStored(wanted.values(), store.loadActive());
    return new KapkanProcess({ config, store, gobgp, newId: () => `ban-${++this.#ids}`, onWanted });
  }

  #attackedTargets(): string[] {
    return Array.from(this.#attacks.values(), ({ targetText }) => targetText);
  }

  #isProtected(host: number): boolean {
    return this.config.networks.some((network) => containsAddress(network, address(HOSTS[host])));
  }

  #hysteresisMs(): number {
    return this.config.groups[0].ban.unbanHysteresisSeconds * 1000;
  }
}

function configOf(settings: Settings): Config {
  const { mitigation, fallback, whitelistedHost, maxActiveBans, maxBannedFraction, maxBansPerWindow } = settings;
  const ban = { ttlSeconds: 15, unbanHysteresisSeconds: 10, fallback, limits: NO_LIMITS };
  const limits = { ...NO_LIMITS, maxActiveBans: settings.groupMaxActiveBans };
  const bgp = {
    ...groupFixture().bgp,
    nextHop: '192.0.2.254',
    nextHop6: '100::1',
    communities: [],
    localPref: settings.localPref,
  };
  const overrides: ConfigOverrides = {
    dryRun: settings.dryRun,
    networks: settings.withIpv6 ? ['198.51.100.0/29', '2001:db8:1::/125'] : ['198.51.100.0/29'],
    whitelist: whitelistedHost === undefined ? [] : [HOSTS[whitelistedHost]],
    groups: [
      groupFixture({ mitigation, ban, bgp }),
      groupFixture({
        name: settings.ladderGroup,
        mitigation,
        bgp,
        networks: [prefix('198.51.100.4/31')],
        ban: { ...ban, limits },
        escalation: [
          { afterSeconds: 0, action: 'none' },
          { afterSeconds: 2, action: 'flowspec' },
          { afterSeconds: 5, action: 'divert' },
          { afterSeconds: 9, action: 'blackhole' },
        ].slice(0, settings.rungs) as EscalationRung[],
      }),
    ],
    flowspecMaxRules: settings.flowspecMaxRules,
    ban: { maxActiveBans, maxBannedFraction, maxBansPerWindow, banWindowSeconds: 20, onShutdown: settings.onShutdown },
  };
  return configFixture(overrides);
}
