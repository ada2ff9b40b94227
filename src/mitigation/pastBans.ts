/*
 * Ended or refused bans that are kept to be shown: a bounded number, of which every group has its share. Beyond it the
 * oldest of the group with most goes, so that one tenant's flood does not remove what another wants to see.
 */
import type { Ban } from './ban.ts';

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
