/*
 * Who was told what, as far as the next notification depends on it: the end of an attack goes to those who heard of its
 * beginning, and what was told a moment ago is not told again where a route asks for quiet.
 */

/** The engine follows at most ten thousand attacks at once; those beyond twice that are long over. */
const MAX_ATTACKS = 20_000;
const MAX_TOLD = 100_000;

export class ToldRegister {
  /** Names of outlets by attack. */
  readonly #ofAttack = new Map<string, Set<string>>();
  /** Clock milliseconds, oldest first. */
  readonly #toldAt = new Map<string, number>();

  /** The outlets that heard of the attack; undefined where it is not known, as after a restart. */
  ofAttack(attackId: string): ReadonlySet<string> | undefined {
    return this.#ofAttack.get(attackId);
  }

  /** Adds to those who heard of the attack, if only that nobody did. */
  tell(attackId: string, outlets: Iterable<string>): void {
    const told = this.#ofAttack.get(attackId) ?? new Set<string>();
    for (const outlet of outlets) told.add(outlet);
    this.#ofAttack.set(attackId, told);
    forgetOldest(this.#ofAttack, MAX_ATTACKS);
  }

  forget(attackId: string): void {
    this.#ofAttack.delete(attackId);
  }

  /** Whether `key` was remembered less than `seconds` before `at`. */
  isRecent(key: string, at: number, seconds: number): boolean {
    const before = this.#toldAt.get(key);
    return before !== undefined && at >= before && at - before < seconds * 1000;
  }

  remember(key: string, at: number): void {
    this.#toldAt.delete(key);
    this.#toldAt.set(key, at);
    forgetOldest(this.#toldAt, MAX_TOLD);
  }
}

function forgetOldest(map: Map<string, unknown>, limit: number): void {
  if (map.size <= limit) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
}
