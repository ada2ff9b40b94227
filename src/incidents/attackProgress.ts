/*
 * When the progress of attacks that last is due: once after each period of `notify.update_seconds`.
 */
import type { Attack } from '../engine/attack.ts';
import type { Incident } from './incidentTable.ts';

/** How often it is looked for; `notify.update_seconds` is in whole seconds. */
const LOOK_EVERY_MS = 1000;

export class AttackProgress {
  #lookedAt: number | undefined;

  /**
   * The attacks that completed a period since the last call. Periods are counted from the start of each attack; several
   * that were missed are one. None where `updateSeconds` is 0. `now` is clock milliseconds.
   */
  due(active: readonly Incident[], updateSeconds: number, now: number): Attack[] {
    const before = this.#lookedAt ?? now;
    if (this.#lookedAt !== undefined && now - before < LOOK_EVERY_MS) return [];
    this.#lookedAt = now;
    if (updateSeconds === 0) return [];
    const periods = (at: number, startedAt: number): number => Math.floor((at - startedAt) / (updateSeconds * 1000));
    return active
      .map(({ attack }) => attack)
      .filter(({ startedAt }) => periods(now, startedAt) > Math.max(0, periods(before, startedAt)));
  }

  /** The wall clock was set by this much. */
  clockStepped(deltaMs: number): void {
    if (this.#lookedAt !== undefined) this.#lookedAt += deltaMs;
  }
}
