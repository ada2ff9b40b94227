/*
 * A controller between a store in memory and a GoBGP in memory, for the tests of this room.
 */
import type { Config } from '../../src/config/config.ts';
import { DryRunAnnouncer } from '../../src/mitigation/announcer.ts';
import type { MitigationEvent } from '../../src/mitigation/banCommit.ts';
import { MitigationController } from '../../src/mitigation/controller.ts';
import type { Address } from '../../src/net/address.ts';
import { configFixture } from '../fixtures/configFixture.ts';
import { FakeAnnouncer, FakeGobgp } from './fakeGobgp.ts';
import { MemoryStore } from './memoryStore.ts';

export const START = 1_000_000;
export const VICTIM = '198.51.100.1';

const PLACEMENT_EVENTS = ['ban_unconfirmed', 'ban_confirmed', 'ban_advertised', 'ban_recovered'];

/** Before `restore`. */
export function setUp(config: Config = configFixture(), store = new MemoryStore()) {
  const bgpEndpoints: Address[] = [];
  const gobgp = new FakeGobgp();
  const announcer = new FakeAnnouncer(gobgp);
  const dryRunAnnouncer = new DryRunAnnouncer();
  const events: MitigationEvent[] = [];
  let ids = 0;
  const controller = new MitigationController({
    config,
    store,
    announcer,
    dryRunAnnouncer,
    newId: () => `ban-${START}-${++ids}-${store.saves}`,
    onEvent: (event) => events.push(event),
    onFailure: (error) => {
      throw error;
    },
    bgpEndpoints: () => [...bgpEndpoints],
  });
  const keys = () => [...(announcer.wanted?.keys() ?? [])];
  /** Kinds of the events since the last call, without those about where routes are (placementWatch.test.ts). */
  const told = () =>
    events
      .splice(0)
      .filter(({ kind }) => !PLACEMENT_EVENTS.includes(kind))
      .map((event) => (event.kind === 'ban_changed' ? event.change : event.kind));
  /** Ticks each half second, with the attacks seen each time. */
  const run = (from: number, seconds: number, ...seen: string[]): number => {
    for (let now = from + 500; now <= from + seconds * 1000; now += 500) {
      for (const attackId of seen) controller.attackSeen(attackId, now);
      controller.tick(now);
      announcer.reconcile();
    }
    return from + seconds * 1000;
  };
  return { controller, store, gobgp, announcer, dryRunAnnouncer, bgpEndpoints, events, keys, told, run };
}

/** After `restore` at START. */
export function started(config?: Config, store?: MemoryStore) {
  const world = setUp(config, store);
  world.controller.restore(START);
  return world;
}
