/*
 * The attacks that are going on, as the controller needs them: which have no ban and should be tried again, and which
 * an operator wants left alone.
 */
import type { Attack } from '../engine/attack.ts';

/** An attack that was refused is tried again this often, since caps, budgets and peers change by themselves. */
export const RETRY_REFUSED_MS = 5000;

export interface LiveAttack {
  readonly attack: Attack;
  lastSeenAt: number;
  /** It was refused, or lost its ban to a rule; that was told once and is not told again. */
  refused: boolean;
  tryAgainAt: number;
}

export class AttackTable {
  readonly #byId = new Map<string, LiveAttack>();
  readonly #byTarget = new Map<string, LiveAttack>();
  /** Attacks whose ban an operator lifted: not banned again until they ended. */
  readonly #leftAlone = new Set<string>();

  /** Enters an attack; one that is known already stays as it is. */
  open(attack: Attack, lastSeenAt: number): LiveAttack {
    const known = this.#byId.get(attack.id);
    if (known !== undefined) return known;
    const live: LiveAttack = { attack, lastSeenAt, refused: false, tryAgainAt: lastSeenAt };
    this.#byId.set(attack.id, live);
    this.#byTarget.set(attack.targetText, live);
    return live;
  }

  seen(attackId: string, now: number): void {
    const live = this.#byId.get(attackId);
    if (live !== undefined) live.lastSeenAt = now;
  }

  close(attackId: string): void {
    const live = this.#byId.get(attackId);
    this.#byId.delete(attackId);
    this.#leftAlone.delete(attackId);
    if (live !== undefined && this.#byTarget.get(live.attack.targetText) === live) {
      this.#byTarget.delete(live.attack.targetText);
    }
  }

  on(targetText: string): LiveAttack | undefined {
    return this.#byTarget.get(targetText);
  }

  all(): IterableIterator<LiveAttack> {
    return this.#byId.values();
  }

  leaveAlone(attackId: string): void {
    this.#leftAlone.add(attackId);
  }

  isLeftAlone(attackId: string): boolean {
    return this.#leftAlone.has(attackId);
  }

  /** Whether the attack was seen lately enough to act on it. */
  isCurrent(live: LiveAttack, now: number): boolean {
    return now - live.lastSeenAt < RETRY_REFUSED_MS;
  }

  clockStepped(deltaMs: number): void {
    for (const live of this.#byId.values()) {
      live.lastSeenAt += deltaMs;
      live.tryAgainAt += deltaMs;
    }
  }
}
