/*
 * When an active attack is looked at again, and what it takes to call its vector another one. An attacker who changes
 * from NTP reflection to SYN packets must find other FlowSpec rules within seconds; a mix that varies must not move routes.
 */
import type { AttackType, Classification } from './attack.ts';

/** Between two looks at one attack. */
export const REVIEW_EVERY_MS = 1000;

/** Looks in a row that must find the same other vector. */
const LOOKS_NEEDED = 2;

/** After a change the vector stays at least this long, so that a flood that alternates does not move routes all the time. */
export const LEAST_STAY_MS = 10_000;

interface Looks {
  reviewAt: number;
  /** The other vector that was found last, and in how many looks in a row. */
  found: string;
  times: number;
  mayChangeAt: number;
}

export class VectorReview {
  readonly #byAttack = new Map<string, Looks>();

  /** Whether to look at the attack now; asked with a growing `now`, and true once for each look. */
  isDue(attackId: string, now: number): boolean {
    const looks = this.#of(attackId, now);
    if (now < looks.reviewAt) return false;
    looks.reviewAt = now + REVIEW_EVERY_MS;
    return true;
  }

  /** Takes in what a look found. True where that is the attack's vector from now on. */
  confirm(attackId: string, current: Classification, found: Classification, now: number): boolean {
    const looks = this.#of(attackId, now);
    const name = nameOf(found);
    if (name === nameOf(current)) {
      looks.times = 0;
      return false;
    }
    looks.times = looks.found === name ? looks.times + 1 : 1;
    looks.found = name;
    if (looks.times < LOOKS_NEEDED || now < looks.mayChangeAt) return false;
    looks.times = 0;
    looks.mayChangeAt = now + LEAST_STAY_MS;
    return true;
  }

  forget(attackId: string): void {
    this.#byAttack.delete(attackId);
  }

  clockStepped(deltaMs: number): void {
    for (const looks of this.#byAttack.values()) {
      looks.reviewAt += deltaMs;
      looks.mayChangeAt += deltaMs;
    }
  }

  #of(attackId: string, now: number): Looks {
    let looks = this.#byAttack.get(attackId);
    if (looks === undefined) {
      looks = { reviewAt: now + REVIEW_EVERY_MS, found: '', times: 0, mayChangeAt: now };
      this.#byAttack.set(attackId, looks);
    }
    return looks;
  }
}

function nameOf({ type, srcPort }: Classification): `${AttackType} ${number | undefined}` {
  return `${type} ${srcPort}`;
}
