/*
 * Where bans survive a crash. The controller writes a ban here before anything about it is announced.
 */
import type { Ban } from './ban.ts';
import type { BanStart } from './banCounts.ts';

export interface BanStore {
  /** Durable when it returns, all of them or none. Throws an Error that says why where they cannot be stored. */
  save(bans: readonly Ban[]): void;
  /** Every ban that was active when last saved. */
  loadActive(): Ban[];
  /** Ended and rejected bans, newest first. */
  loadEnded(limit: number): Ban[];
  /** When bans began, those that ended since among them and refused ones not, as far back as starts are kept. */
  loadStarts(): readonly BanStart[];
  /** Targets whose attack an operator wants left alone. */
  loadLeftAlone(): readonly string[];
  /** Durable when it returns. Throws an Error that says why where it cannot be stored. */
  saveLeftAlone(targets: readonly string[]): void;
  /** Starts must be kept for so long at least. */
  keepStartsFor(ms: number): void;
}
