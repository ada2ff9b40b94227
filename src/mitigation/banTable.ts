/*
 * The bans there are, and what the store knows of them. It keeps the order that makes a crash harmless at any point: a
 * ban is in the store before any route of it is wanted, and what ends is no longer wanted whether or not the store can
 * be told. A change of method needs no second proof, since the plan that was stored with the ban names all its routes.
 * Of a plan with other routes the new ones are wanted only once it is stored; until then the old ones are, as its
 * cover.
 *
 * A store that fails is asked again; until then new bans stay active and unannounced.
 */
import type { Announcement } from './announcer.ts';
import type { Ban } from './ban.ts';
import { BanCounts, BanStarts, rulesInForce } from './banCounts.ts';
import { transition } from './banMachine.ts';
import { holdMs } from './banPlan.ts';
import type { BanStore } from './banStore.ts';
import { routeKey } from './route.ts';

/** Ended bans that are kept to be shown, and as many refused ones. */
const PAST_BANS = 1000;

/** More than any store keeps of them. */
const STORED_PAST_BANS = 20_000;

/** Ends of bans that wait for a failing store; far more than any cap on active bans lets end in an outage. */
const MAX_UNSAVED_PAST = 10_000;

/** Attacks that an operator wants left alone; an attack of today has fewer victims that are unbanned by hand. */
const MAX_LEFT_ALONE = 10_000;

/** A store that failed is not asked again before this. */
const SAVE_RETRY_MS = 1000;

/** A moved expiry is saved when it moved by a quarter of the ban's life, or by this much if that is less. */
const MAX_EXPIRY_LAG_MS = 60_000;

interface Entry {
  ban: Ban;
  /** The ban as the store holds it; undefined until it is there. */
  saved: Ban | undefined;
  /**
   * The ban that this one replaced, or this one before it got another plan: its routes stay wanted until this one is
   * saved, so that the victim is covered.
   */
  cover: Ban | undefined;
  /** Rules of the cover that count on top of the ban's own. */
  coverRules: number;
}

export class BanTable {
  readonly counts = new BanCounts();
  readonly starts = new BanStarts();
  readonly #store: BanStore;
  readonly #active = new Map<string, Entry>();
  /** Target of the ban that answers an attack, by the attack's id. */
  readonly #targetOfAttack = new Map<string, string>();
  /** Apart, so that refusals take no place of what ended. */
  readonly #ended = new PastBans(PAST_BANS);
  readonly #refused = new PastBans(PAST_BANS);
  readonly #unsavedActive = new Set<Entry>();
  readonly #unsavedPast = new Map<string, Ban>();
  /** Ids of bans that the store may hold as active; a save that failed may still have reached the disk. */
  readonly #maybeActiveInStore = new Set<string>();
  #leftAlone: readonly string[] = [];
  #isLeftAloneSaved = true;
  #routesChanged = true;
  #saveError: string | undefined;
  #saveAgainAt = Number.NEGATIVE_INFINITY;

  constructor(store: BanStore) {
    this.#store = store;
  }

  /** Takes over what the store holds; `windowMs` is how far back starts count. Throws what the store throws. */
  load(windowMs: number, now: number): Ban[] {
    this.keepStartsFor(windowMs);
    const active = this.#store.loadActive();
    this.starts.load(this.#store.loadStarts(), now);
    for (const ban of this.#store.loadEnded(STORED_PAST_BANS).reverse()) this.#keepPast(ban);
    for (const ban of active.toSorted((a, b) => a.startedAt - b.startedAt)) {
      const older = this.of(ban.targetText);
      if (older !== undefined) this.end(transition(older, { kind: 'replaced', by: ban.id, at: ban.startedAt }).ban);
      this.#enter({ ban, saved: ban, cover: undefined, coverRules: 0 });
      this.#maybeActiveInStore.add(ban.id);
    }
    return this.active();
  }

  active(): Ban[] {
    return Array.from(this.#active.values(), (entry) => entry.ban);
  }

  /** Ended and refused bans, in no particular order. */
  past(): readonly Ban[] {
    return [...this.#ended.all(), ...this.#refused.all()];
  }

  /** A reload may lengthen the window of a cap. */
  keepStartsFor(windowMs: number): void {
    this.#store.keepStartsFor(windowMs);
  }

  of(targetText: string): Ban | undefined {
    return this.#active.get(targetText)?.ban;
  }

  ofAttack(attackId: string): Ban | undefined {
    const targetText = this.#targetOfAttack.get(attackId);
    return targetText === undefined ? undefined : this.of(targetText);
  }

  /** Targets whose attack is to be left alone, as stored. Throws what the store throws. */
  loadLeftAlone(): readonly string[] {
    this.#leftAlone = this.#store.loadLeftAlone().slice(0, MAX_LEFT_ALONE);
    return this.#leftAlone;
  }

  /** Has the next `save` store these, if they are others than before. */
  leaveAlone(targets: readonly string[]): void {
    const kept = targets.slice(0, MAX_LEFT_ALONE);
    if (kept.length === this.#leftAlone.length && kept.every((target, i) => target === this.#leftAlone[i])) return;
    this.#leftAlone = kept;
    this.#isLeftAloneSaved = false;
  }

  /** Whether the ban is in the store with its plan, so that its routes may be announced. */
  isSaved(ban: Ban): boolean {
    const entry = this.#active.get(ban.targetText);
    return entry !== undefined && announcedOf(entry) === entry.ban;
  }

  /** Enters a new ban of a target that has none. */
  begin(ban: Ban): void {
    this.#begin({ ban, saved: undefined, cover: undefined, coverRules: 0 });
  }

  /** Ends a ban and enters its successor in one transaction. */
  replace(ended: Ban, successor: Ban): void {
    const before = this.#active.get(ended.targetText);
    const cover = before === undefined ? undefined : announcedOf(before);
    this.end(ended);
    const entry: Entry = { ban: successor, saved: undefined, cover: undefined, coverRules: 0 };
    this.#begin(entry);
    if (cover !== undefined) this.#cover(entry, cover, rulesInForce(cover));
  }

  /** An active ban changed. `save` false: only its expiry moved, which `saveMovedExpiries` sees to. */
  change(ban: Ban, save: boolean): void {
    const entry = this.#active.get(ban.targetText);
    if (entry === undefined || entry.ban.id !== ban.id) throw new Error(`ban ${ban.id} is not active`);
    const announced = announcedOf(entry);
    this.#forgetIndexes(entry.ban);
    if (entry.ban.routes !== ban.routes) this.#routesChanged = true;
    entry.ban = ban;
    this.#index(ban);
    if (entry.saved !== undefined && announced !== undefined && announcedOf(entry) !== ban) {
      this.#cover(entry, announced, Math.max(0, rulesInForce(announced) - rulesInForce(ban)));
    }
    if (save) this.#unsavedActive.add(entry);
  }

  end(ban: Ban): void {
    const entry = this.#active.get(ban.targetText);
    if (entry === undefined || entry.ban.id !== ban.id) throw new Error(`ban ${ban.id} is not active`);
    this.#forgetIndexes(entry.ban);
    this.#active.delete(ban.targetText);
    this.#unsavedActive.delete(entry);
    this.#dropCover(entry);
    this.#routesChanged = true;
    this.#close(ban);
  }

  refuse(ban: Ban): void {
    this.#close(ban);
  }

  /** Stops wanting the routes of replaced bans that the rules forbid by now. */
  dropCovers(forbidden: (cover: Ban) => boolean): void {
    for (const entry of this.#active.values()) {
      if (entry.cover !== undefined && forbidden(entry.cover)) this.#dropCover(entry);
    }
  }

  /**
   * Has the next `save` store every expiry that moved by enough. It stays behind by at most a quarter of a ban's life,
   * so what is stored is never past while the attack is seen, and `withdraw --expired` takes no live ban's route.
   */
  saveMovedExpiries(): void {
    for (const entry of this.#active.values()) {
      if (entry.saved === undefined) continue;
      const lag = Math.min(holdMs(entry.ban.plan) / 4, MAX_EXPIRY_LAG_MS);
      if (entry.ban.expiresAt - entry.saved.expiresAt >= lag) this.#unsavedActive.add(entry);
    }
  }

  /** Saves in one transaction whatever is not saved. Answers why that cannot be done; undefined where all is saved. */
  save(now: number): string | undefined {
    if (this.#unsavedActive.size === 0 && this.#unsavedPast.size === 0 && this.#isLeftAloneSaved) return undefined;
    if (this.#saveError !== undefined && now < this.#saveAgainAt) return this.#saveError;
    for (const { ban } of this.#unsavedActive) this.#maybeActiveInStore.add(ban.id);
    try {
      // Before the bans: an unban that is stored alone would be undone by a restart.
      if (!this.#isLeftAloneSaved) this.#store.saveLeftAlone(this.#leftAlone);
      this.#isLeftAloneSaved = true;
      this.#store.save([...this.#unsavedPast.values(), ...Array.from(this.#unsavedActive, (entry) => entry.ban)]);
    } catch (error) {
      this.#saveError = error instanceof Error ? error.message : String(error);
      this.#saveAgainAt = now + SAVE_RETRY_MS;
      this.#forgetUnneeded();
      return this.#saveError;
    }
    for (const entry of this.#unsavedActive) {
      if (entry.saved?.plan.routes !== entry.ban.plan.routes) this.#routesChanged = true;
      entry.saved = entry.ban;
      this.#dropCover(entry);
    }
    this.#unsavedActive.clear();
    for (const id of this.#unsavedPast.keys()) this.#maybeActiveInStore.delete(id);
    this.#unsavedPast.clear();
    this.#saveError = undefined;
    return undefined;
  }

  /** The wall clock was set; times held of no ban move with it. */
  clockStepped(deltaMs: number): void {
    this.starts.clockStepped(deltaMs);
    this.#saveAgainAt += deltaMs;
  }

  /** Whether what is wanted may have changed since this was last asked. */
  takeRoutesChanged(): boolean {
    const changed = this.#routesChanged;
    this.#routesChanged = false;
    return changed;
  }

  /** Everything to be announced, by key: the routes of the bans that are in the store. */
  wanted(dryRun: boolean): Map<string, Announcement> {
    const wanted = new Map<string, Announcement>();
    for (const entry of this.#active.values()) {
      const announced = announcedOf(entry);
      if (announced?.dryRun !== dryRun) continue;
      for (const route of announced.routes) {
        const key = routeKey(route);
        wanted.set(key, { key, route, victim: announced.targetText });
      }
    }
    return wanted;
  }

  #begin(entry: Entry): void {
    this.#enter(entry);
    this.#unsavedActive.add(entry);
    this.starts.record(entry.ban);
  }

  /** `rules`: those of the cover that count on top of the ban's own. */
  #cover(entry: Entry, cover: Ban, rules: number): void {
    this.counts.addRules(rules - entry.coverRules);
    entry.cover = cover;
    entry.coverRules = rules;
  }

  #dropCover(entry: Entry): void {
    if (entry.cover === undefined) return;
    this.counts.addRules(-entry.coverRules);
    entry.cover = undefined;
    entry.coverRules = 0;
    this.#routesChanged = true;
  }

  #enter(entry: Entry): void {
    this.#active.set(entry.ban.targetText, entry);
    this.#index(entry.ban);
    this.#routesChanged = true;
  }

  #index(ban: Ban): void {
    this.counts.add(ban);
    if (ban.attackId !== undefined) this.#targetOfAttack.set(ban.attackId, ban.targetText);
  }

  #forgetIndexes(ban: Ban): void {
    this.counts.remove(ban);
    if (ban.attackId !== undefined) this.#targetOfAttack.delete(ban.attackId);
  }

  #close(ban: Ban): void {
    this.#keepPast(ban);
    this.#unsavedPast.set(ban.id, ban);
  }

  #keepPast(ban: Ban): void {
    const kept = ban.state === 'rejected' ? this.#refused : this.#ended;
    kept.add(ban);
  }

  /**
   * While the store fails, only the ends of bans that it may hold as active wait, and of those no more than a bound.
   */
  #forgetUnneeded(): void {
    for (const id of this.#unsavedPast.keys()) {
      const needed = this.#maybeActiveInStore.has(id) && this.#unsavedPast.size <= MAX_UNSAVED_PAST;
      if (needed) continue;
      this.#unsavedPast.delete(id);
      this.#maybeActiveInStore.delete(id);
    }
  }
}

/** The ban whose routes are wanted: the active one as soon as its plan is in the store. */
function announcedOf({ ban, saved, cover }: Entry): Ban | undefined {
  return saved?.plan.routes === ban.plan.routes ? ban : cover;
}

/**
 * Ended or refused bans that are kept to be shown: a bounded number, of which every group has its share. Beyond it the
 * oldest ban of the group with the most is removed, so that one tenant's flood does not remove the bans of another.
 */
export class PastBans {
  readonly #max: number;
  /** Oldest first. */
  readonly #byGroup = new Map<string, Ban[]>();
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(ban: Ban): void {
    const bans = this.#byGroup.get(ban.group);
    if (bans === undefined) this.#byGroup.set(ban.group, [ban]);
    else bans.push(ban);
    if (++this.#count > this.#max) this.#removeOne();
  }

  /** Of each group the oldest first. */
  all(): Ban[] {
    return [...this.#byGroup.values()].flat();
  }

  #removeOne(): void {
    let [largest] = this.#byGroup;
    for (const entry of this.#byGroup) if (entry[1].length > largest[1].length) largest = entry;
    const [group, bans] = largest;
    bans.shift();
    if (bans.length === 0) this.#byGroup.delete(group);
    this.#count--;
  }
}
