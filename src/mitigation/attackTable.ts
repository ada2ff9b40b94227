/*
 * The active attacks, as the controller needs them: which have no ban and should be tried again, and which an operator
 * wants left alone.
 */
import type { Attack } from '../engine/attack.ts';

/** An attack that was refused is tried again this often, since caps, budgets and peers change by themselves. */
export const RETRY_REFUSED_MS = 5000;

export interface LiveAttack {
  readonly attack: Attack;
  lastSeenAt: number;
  /** It was refused, or lost its ban to a rule. That was reported once and is not reported again. */
  refused: boolean;
  tryAgainAt: number;
}

export class AttackTable {
  readonly #byId = new Map<string, LiveAttack>();
  readonly #byTarget = new Map<string, LiveAttack>();
  /** Attacks whose ban an operator lifted, with their targets: not banned again until they ended. */
  readonly #leftAlone = new Map<string, string>();
  /** Targets whose attack was left alone before a restart, and until when it may be found again. */
  readonly #expected = new Map<string, number>();

  /** Enters an attack; one that is known already stays as it is. */
  open(attack: Attack, lastSeenAt: number): LiveAttack {
    const known = this.#byId.get(attack.id);
    if (known !== undefined) return known;
    const live: LiveAttack = { attack, lastSeenAt, refused: false, tryAgainAt: lastSeenAt };
    this.#byId.set(attack.id, live);
    this.#byTarget.set(attack.targetText, live);
    if (this.#expected.delete(attack.targetText)) this.leaveAlone(attack.id, attack.targetText);
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

  leaveAlone(attackId: string, targetText: string): void {
    this.#leftAlone.set(attackId, targetText);
  }

  /**
   * A restart forgot the attacks on these targets, and an operator wants them left alone. One that is found again
   * before its time is over is the same attack.
   */
  expect(targets: Iterable<string>, until: (targetText: string) => number): void {
    for (const target of targets) this.#expected.set(target, until(target));
  }

  expectedTargets(): string[] {
    return [...this.#expected.keys()];
  }

  /** Forgets the attacks that were not found again in time. */
  giveUpExpected(now: number): void {
    for (const [target, until] of this.#expected) if (now >= until) this.#expected.delete(target);
  }

  /** Targets whose attack is left alone, for the next start. */
  leftAloneTargets(): string[] {
    return [...new Set([...this.#leftAlone.values(), ...this.#expected.keys()])].sort();
  }

  isLeftAlone(attackId: string): boolean {
    return this.#leftAlone.has(attackId);
  }

  /** Whether the attack was seen recently enough to act on it. */
  isCurrent(live: LiveAttack, now: number): boolean {
    return now - live.lastSeenAt < RETRY_REFUSED_MS;
  }

  clockStepped(deltaMs: number): void {
    for (const live of this.#byId.values()) {
      live.lastSeenAt += deltaMs;
      live.tryAgainAt += deltaMs;
    }
    for (const [target, until] of this.#expected) this.#expected.set(target, until + deltaMs);
  }
}
