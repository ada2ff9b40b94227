/*
 * How many bans there are, as the caps need it: in all, by group, by address family, and how many began recently. Kept
 * up to date ban by ban, so that a thousand decisions in one tick stay cheap.
 */
import type { IpVersion } from '../net/address.ts';
import type { Ban } from './ban.ts';

/** Twice what the largest cap in the config allows in its window; older starts are forgotten. */
const MAX_STARTS = 2_000_000;

/** That a ban began, which counts for `max_bans_per_window` whatever became of it. */
export interface BanStart extends Pick<Ban, 'startedAt' | 'group' | 'dryRun'> {
  /** See `startKey`. */
  readonly key: string;
}

/** What a start is of: an attack counts once, however many bans answer it; a ban by hand counts by itself. */
export function startKey({ id, attackId, dryRun }: Pick<Ban, 'id' | 'attackId' | 'dryRun'>): string {
  return `${dryRun ? 'dry ' : ''}${attackId ?? id}`;
}

interface Start {
  readonly key: string;
  at: number;
  /**
   * Undefined where the config has no such group any more: it may have another name now, so it counts for every group.
   */
  group: string | undefined;
  readonly dryRun: boolean;
}

/** Numbers that the caps compare with. */
export interface BanTally {
  /** Active bans in all, or of one group. */
  active(group?: string): number;
  /** Active bans of a family in all, or of one group. */
  activeOfFamily(version: IpVersion, group?: string): number;
  /** FlowSpec rules in use. */
  flowspecRules(): number;
}

/** The active bans. */
export class BanCounts implements BanTally {
  #all = 0;
  #flowspecRules = 0;
  readonly #byKey = new Map<string, number>();

  add(ban: Ban): void {
    this.#count(ban, 1);
  }

  remove(ban: Ban): void {
    this.#count(ban, -1);
  }

  /** Counts rules that are announced though they are not those of an active ban as it is now; negative to take back. */
  addRules(rules: number): void {
    this.#flowspecRules += rules;
  }

  active(group?: string): number {
    return group === undefined ? this.#all : (this.#byKey.get(groupKey(group)) ?? 0);
  }

  activeOfFamily(version: IpVersion, group?: string): number {
    return this.#byKey.get(familyKey(version, group)) ?? 0;
  }

  flowspecRules(): number {
    return this.#flowspecRules;
  }

  /** The numbers as they would be without one of the bans counted. */
  without(ban: Ban | undefined): BanTally {
    if (ban === undefined) return this;
    const { version } = ban.target;
    const counts = (group: string | undefined) => Number(group === undefined || group === ban.group);
    return {
      active: (group) => this.active(group) - counts(group),
      activeOfFamily: (family, group) => this.activeOfFamily(family, group) - (family === version ? counts(group) : 0),
      flowspecRules: () => this.#flowspecRules - rulesInForce(ban),
    };
  }

  #count(ban: Ban, by: 1 | -1): void {
    const { version } = ban.target;
    this.#all += by;
    this.#flowspecRules += by * rulesInForce(ban);
    for (const key of [groupKey(ban.group), familyKey(version), familyKey(version, ban.group)]) {
      this.#byKey.set(key, (this.#byKey.get(key) ?? 0) + by);
    }
  }
}

/** When bans began, for `max_bans_per_window`. Ends and refusals have no part in it. */
export class BanStarts {
  /** Ascending. */
  #starts: Start[] = [];
  #keys = new Set<string>();

  record(ban: Ban): void {
    const key = startKey(ban);
    if (this.#keys.has(key)) return;
    this.#keys.add(key);
    this.#starts.push({ key, at: ban.startedAt, group: ban.group, dryRun: ban.dryRun });
    if (this.#starts.length <= MAX_STARTS) return;
    this.#starts = this.#starts.slice(MAX_STARTS / 2);
    this.#keys = new Set(this.#starts.map((start) => start.key));
  }

  /** Takes over what the store remembers, in any order. By a clock set back since, none began later than now. */
  load(bans: readonly BanStart[], now: number): void {
    for (const { key, startedAt, group, dryRun } of bans) {
      this.#starts.push({ key, at: Math.min(startedAt, now), group, dryRun });
      this.#keys.add(key);
    }
    this.#starts.sort((a, b) => a.at - b.at);
  }

  /** Counts what began in these groups for every group from now on. */
  forgetGroups(isGone: (group: string) => boolean): void {
    for (const start of this.#starts) if (start.group !== undefined && isGone(start.group)) start.group = undefined;
  }

  /** Starts, of all groups or of one, after `since`; without that of the key `except`, which counts already. */
  startedAfter(since: number, dryRun: boolean, group?: string, except?: string): number {
    let started = 0;
    for (let i = this.#starts.length - 1; i >= 0 && this.#starts[i].at > since; i--) {
      const start = this.#starts[i];
      if (start.key === except) continue;
      if (start.dryRun === dryRun && (group === undefined || (start.group ?? group) === group)) started++;
    }
    return started;
  }

  /** The wall clock was set; the times held move with it. */
  clockStepped(deltaMs: number): void {
    for (const start of this.#starts) start.at += deltaMs;
  }
}

/** FlowSpec rules that a ban announces now. */
export function rulesInForce(ban: Ban): number {
  return ban.method === 'flowspec' ? ban.routes.length : 0;
}

function groupKey(group: string): string {
  return `group ${group}`;
}

function familyKey(version: IpVersion, group?: string): string {
  return group === undefined ? `ipv${version}` : `ipv${version} ${group}`;
}
