/*
 * A BanStore in memory that can fail. What it holds went through JSON, so a ban that does not survive being written
 * shows.
 */
import type { Ban } from '../../src/mitigation/ban.ts';
import { type BanStart, startKey } from '../../src/mitigation/banCounts.ts';
import type { BanStore } from '../../src/mitigation/banStore.ts';

export class MemoryStore implements BanStore {
  /** In the order in which they were last written. */
  readonly #bans = new Map<string, Ban>();
  #leftAlone: readonly string[] = [];
  failure: string | undefined;
  attempts = 0;
  /** Transactions that were made. */
  saves = 0;

  save(bans: readonly Ban[]): void {
    this.attempts++;
    if (this.failure !== undefined) throw new Error(this.failure);
    this.saves++;
    for (const ban of bans) {
      this.#bans.delete(ban.id);
      this.#bans.set(ban.id, JSON.parse(JSON.stringify(ban)));
    }
  }

  loadActive(): Ban[] {
    return [...this.#bans.values()].filter((ban) => ban.state === 'active');
  }

  loadStarts(): readonly BanStart[] {
    const began = [...this.#bans.values()]
      .filter((ban) => ban.state !== 'rejected')
      .toSorted((a, b) => b.startedAt - a.startedAt)
      .map((ban) => ({ ...ban, key: startKey(ban) }));
    return [...new Map(began.map((start) => [start.key, start])).values()];
  }

  loadLeftAlone(): readonly string[] {
    return this.#leftAlone;
  }

  saveLeftAlone(targets: readonly string[]): void {
    if (this.failure !== undefined) throw new Error(this.failure);
    this.#leftAlone = [...targets];
  }

  keepStartsFor(): void {}

  loadEnded(limit: number): Ban[] {
    const ended = [...this.#bans.values()].filter((ban) => ban.state !== 'active');
    return ended.reverse().slice(0, limit);
  }
}
