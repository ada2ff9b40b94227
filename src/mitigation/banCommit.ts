/*
 * Carries out what the controller decided, always in this order: decide, save, announce, report. Whatever is decided
 * within one batch is saved in one transaction, announced in one set and reported afterwards; so there is no moment at
 * which a crash leaves a route that the store does not know.
 */
import type { Announcer } from './announcer.ts';
import { ALL_GUARDS, type Ban, type Guard } from './ban.ts';
import { admitBan, type BanEffect, type BanEvent, type BanRequest, refuseBan, transition } from './banMachine.ts';
import type { BanStore } from './banStore.ts';
import { BanTable } from './banTable.ts';
import type { GuardVerdict, Judgement } from './guards.ts';
import { evidences, MethodHealth } from './methodReview.ts';
import { type PlacementEvent, PlacementWatch } from './placementWatch.ts';
import { routeKey } from './route.ts';

/**
 * An event of a ban or of the store, reported after the decision was saved and the announcer was given the routes.
 * `incidents` joins it with the attack that the ban answers. `at` is clock milliseconds.
 */
export type MitigationEvent = { readonly at: number } /** `verdicts`: the verdict of each guard. */ & (
  | { readonly kind: 'ban_started'; readonly ban: Ban; readonly verdicts: readonly GuardVerdict[] }
  | { readonly kind: 'ban_changed'; readonly change: MethodChangeKind; readonly ban: Ban }
  | { readonly kind: 'ban_ended'; readonly ban: Ban }
  | { readonly kind: 'ban_rejected'; readonly ban: Ban; readonly verdicts: readonly GuardVerdict[] }
  | PlacementEvent
  /** Bans cannot be made durable: new ones are not announced until `store_recovered`. */
  | { readonly kind: 'store_failed'; readonly reason: string }
  | { readonly kind: 'store_recovered' }
);

/**
 * The ban took the next rung, fell back to a blackhole, returned to its own method, has other FlowSpec rules, or
 * follows a new config.
 */
export type MethodChangeKind = 'rung' | 'fallback' | 'return' | 'rules' | 'config';

/** Keys of real routes that are remembered as ours; the oldest are forgotten. */
const MAX_OWNED_KEYS = 100_000;

const METHOD_CHANGES: { readonly [effect in BanEffect]?: MethodChangeKind } = {
  reportRung: 'rung',
  reportFallback: 'fallback',
  reportReturn: 'return',
  reportRules: 'rules',
  reportConfig: 'config',
};

/** A judgement that refuses. */
interface Refusal {
  readonly refusedBy: GuardVerdict;
  readonly verdicts: readonly GuardVerdict[];
}

/** Since start. */
export interface MitigationCounters {
  readonly rejected: number;
  readonly rejectedBy: { readonly [guard in Guard]: number };
  readonly started: number;
  readonly ended: number;
  readonly failed: number;
  readonly fellBack: number;
}

export interface BanCommitOptions {
  readonly store: BanStore;
  /** Drives the real GoBGP daemons. */
  readonly announcer: Announcer;
  /** Stands in for them in dry-run. */
  readonly dryRunAnnouncer: Announcer;
  /** Called after each decision took effect. It must not call back into the controller. */
  readonly onEvent: (event: MitigationEvent) => void;
}

export class BanCommit {
  readonly table: BanTable;
  readonly health = new MethodHealth();
  /** By the config in force. */
  flowspecMaxRules = Number.POSITIVE_INFINITY;
  readonly #announcer: Announcer;
  readonly #dryRunAnnouncer: Announcer;
  readonly #onEvent: (event: MitigationEvent) => void;
  readonly #placements = new PlacementWatch();
  readonly #ownedKeys = new Set<string>();
  readonly #rejectedBy = Object.fromEntries(ALL_GUARDS.map((guard) => [guard, 0])) as { [guard in Guard]: number };
  readonly #counters = { rejected: 0, started: 0, ended: 0, failed: 0, fellBack: 0 };
  #events: MitigationEvent[] = [];
  #storeError: string | undefined;
  #openBatches = 0;

  constructor(options: BanCommitOptions) {
    this.table = new BanTable(options.store);
    this.#announcer = options.announcer;
    this.#dryRunAnnouncer = options.dryRunAnnouncer;
    this.#onEvent = options.onEvent;
  }

  /** Takes over what the store holds; nothing is announced by it. Throws what the store throws. */
  load(windowMs: number, now: number): Ban[] {
    const loaded = this.table.load(windowMs, now);
    for (const ban of [...this.table.past(), ...loaded]) {
      if (!ban.dryRun) for (const route of Object.values(ban.plan.routes).flat()) this.#own(routeKey(route));
    }
    return loaded;
  }

  /** Decisions made in `work` take effect together when the outermost batch is left. */
  batch<T>(now: number, work: () => T): T {
    this.#openBatches++;
    let answer: T;
    try {
      answer = work();
    } finally {
      this.#openBatches--;
    }
    if (this.#openBatches === 0) this.#takeEffect(now);
    return answer;
  }

  /** Enters a new ban, in the place of one that ends with it if there is one. `verdicts`: what every guard said. */
  admit(request: BanRequest, { verdicts }: Pick<Judgement, 'verdicts'>, replaced: Ban | undefined): Ban {
    const { ban } = admitBan(request);
    if (replaced === undefined) this.table.begin(ban);
    else this.table.replace(replaced, ban);
    if (replaced !== undefined) this.#ended(replaced, ban.startedAt);
    this.#counters.started++;
    this.#events.push({ kind: 'ban_started', at: ban.startedAt, ban, verdicts });
    return ban;
  }

  /** Enters a ban that a guard refused; it is kept, counted and reported, and announces nothing. */
  refuse(request: BanRequest, { refusedBy, verdicts }: Refusal): Ban {
    const { guard, reason } = refusedBy;
    const { ban } = refuseBan(request, guard, reason);
    this.table.refuse(ban);
    this.#countRefusal(guard);
    this.#events.push({ kind: 'ban_rejected', at: ban.startedAt, ban, verdicts });
    return ban;
  }

  /** Sends an active ban an event and carries out what follows. Returns the ban as it is then. */
  apply(before: Ban, event: BanEvent): Ban {
    const { ban, effects } = transition(before, event);
    if (ban === before) return before;
    if (ban.state === 'active') this.table.change(ban, effects.includes('save'));
    else this.table.end(ban);
    // What GoBGP refused of the old routes says nothing of new ones.
    if (event.kind === 'replanned' && effects.includes('announce')) this.health.forget(ban);
    for (const effect of effects) {
      if (effect === 'reportEnd') this.#ended(ban, event.at);
      const change = METHOD_CHANGES[effect];
      if (change !== undefined) this.#changed(ban, change, event.at);
    }
    return ban;
  }

  /** Reports what changed about where the routes of a real ban are. */
  reviewPlacement(ban: Ban, now: number): void {
    if (ban.dryRun || ban.routes.length === 0) return;
    const notStored = this.table.isSaved(ban) ? undefined : (this.#storeError ?? 'unknown');
    for (const change of this.#placements.review(ban, { notStored, routes: evidences(ban, this.#announcer) }, now)) {
      if (change.kind === 'ban_failed') this.#countFailure(change.cause === 'sent_to_no_peer' ? 'audience' : undefined);
      this.#events.push({ at: now, ban, ...change });
    }
  }

  /** The wall clock was set; times held of no ban move with it. */
  clockStepped(deltaMs: number): void {
    this.table.clockStepped(deltaMs);
    this.health.clockStepped(deltaMs);
    this.#placements.clockStepped(deltaMs);
  }

  announcerOf(ban: Pick<Ban, 'dryRun'>): Announcer {
    return ban.dryRun ? this.#dryRunAnnouncer : this.#announcer;
  }

  counters(): MitigationCounters {
    return { ...this.#counters, rejectedBy: { ...this.#rejectedBy } };
  }

  /** Keys of all real routes that were ever announced, as far as this process and the store know. */
  ownedKeys(): ReadonlySet<string> {
    return this.#ownedKeys;
  }

  #ended(ban: Ban, at: number): void {
    this.health.forget(ban);
    this.#placements.forget(ban);
    this.#counters.ended++;
    if (ban.endedBy?.code === 'harmful') this.#countFailure('harmless');
    this.#events.push({ kind: 'ban_ended', at, ban });
  }

  /**
   * A ban that no peer is sent or that would do harm counts as refused too, by the guard that would have refused it.
   */
  #countFailure(guard: Guard | undefined): void {
    this.#counters.failed++;
    if (guard !== undefined) this.#countRefusal(guard);
  }

  #countRefusal(guard: Guard): void {
    this.#counters.rejected++;
    this.#rejectedBy[guard]++;
  }

  #changed(ban: Ban, change: MethodChangeKind, at: number): void {
    if (change === 'fallback') this.#counters.fellBack++;
    this.#events.push({ kind: 'ban_changed', at, change, ban });
  }

  #takeEffect(now: number): void {
    const error = this.table.save(now);
    if (error !== undefined && this.#storeError === undefined) {
      this.#events.push({ kind: 'store_failed', at: now, reason: error });
    }
    if (error === undefined && this.#storeError !== undefined) this.#events.push({ kind: 'store_recovered', at: now });
    this.#storeError = error;
    if (this.table.takeRoutesChanged()) {
      const real = this.table.wanted(false);
      for (const key of real.keys()) this.#own(key);
      this.#announcer.setWanted(real, this.flowspecMaxRules);
      this.#dryRunAnnouncer.setWanted(this.table.wanted(true), this.flowspecMaxRules);
    }
    const events = this.#events;
    this.#events = [];
    for (const event of events) this.#onEvent(event);
  }

  #own(key: string): void {
    this.#ownedKeys.add(key);
    if (this.#ownedKeys.size <= MAX_OWNED_KEYS) return;
    for (const oldest of this.#ownedKeys) {
      this.#ownedKeys.delete(oldest);
      break;
    }
  }
}
