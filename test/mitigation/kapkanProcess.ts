/*
 * One life of Kapkan between a disk and a GoBGP that outlive it. It can be killed at any point: from then on neither
 * hears it any more, whatever the controller in memory still does.
 */
import type { Config } from '../../src/config/config.ts';
import { type Announcement, type Announcer, DryRunAnnouncer } from '../../src/mitigation/announcer.ts';
import type { Ban } from '../../src/mitigation/ban.ts';
import type { MitigationEvent } from '../../src/mitigation/banCommit.ts';
import type { BanStore } from '../../src/mitigation/banStore.ts';
import { MitigationController } from '../../src/mitigation/controller.ts';
import { FakeAnnouncer, type FakeGobgp } from './fakeGobgp.ts';
import type { MemoryStore } from './memoryStore.ts';

export type Moment = 'beforeSave' | 'afterSave' | 'afterAnnounce';

export interface ProcessOptions {
  readonly config: Config;
  readonly store: MemoryStore;
  readonly gobgp: FakeGobgp;
  readonly newId: () => string;
  /** Sees every set that is handed to the real announcer. */
  readonly onWanted: (wanted: ReadonlyMap<string, Announcement>) => void;
}

export class KapkanProcess {
  readonly controller: MitigationController;
  readonly dryRunAnnouncer = new DryRunAnnouncer();
  /** Events since they were last cleared. */
  readonly events: MitigationEvent[] = [];
  alive = true;
  /** Dies when it next comes to this. */
  diesAt: Moment | undefined;
  readonly #announcer: FakeAnnouncer;

  constructor(options: ProcessOptions) {
    this.#announcer = new FakeAnnouncer(options.gobgp, options.onWanted);
    this.controller = new MitigationController({
      config: options.config,
      store: this.#mortalStore(options.store),
      announcer: this.#mortalAnnouncer(this.#announcer),
      dryRunAnnouncer: this.dryRunAnnouncer,
      newId: options.newId,
      onEvent: (event) => this.events.push(event),
      onFailure: (error) => {
        throw error;
      },
    });
  }

  /** What it told GoBGP's announcer last. */
  wanted(): Announcement[] {
    return [...(this.#announcer.wanted?.values() ?? [])];
  }

  wouldBeWanted(): Announcement[] {
    return [...this.dryRunAnnouncer.wanted().values()];
  }

  reconcile(): void {
    if (this.alive) this.#announcer.reconcile();
  }

  #passes(moment: Moment): void {
    if (this.diesAt === moment) this.alive = false;
  }

  #mortalStore(store: MemoryStore): BanStore {
    return {
      save: (bans: readonly Ban[]) => {
        this.#passes('beforeSave');
        if (!this.alive) return;
        store.save(bans);
        this.#passes('afterSave');
      },
      loadActive: () => store.loadActive(),
      loadEnded: (limit) => store.loadEnded(limit),
      loadStarts: () => store.loadStarts(),
      loadLeftAlone: () => store.loadLeftAlone(),
      saveLeftAlone: (targets) => {
        if (this.alive) store.saveLeftAlone(targets);
      },
      keepStartsFor: () => store.keepStartsFor(),
    };
  }

  #mortalAnnouncer(announcer: FakeAnnouncer): Announcer {
    return {
      setWanted: (wanted) => {
        if (!this.alive) return;
        announcer.setWanted(wanted);
        this.#passes('afterAnnounce');
      },
      evidence: (key) => announcer.evidence(key),
      audience: (family) => announcer.audience(family),
      counts: () => announcer.counts(),
    };
  }
}
