/*
 * What GoBGP's global RIB held when it was last read, of routes injected into it: ours, by the mark, and those of
 * others, which matter only in that they must not be touched. Paths learned from peers are left out: they are nobody's
 * here, even with our mark on them (another injector's, reflected back).
 */
import type { RouteFamily } from '../mitigation/route.ts';
import type { RibPath } from './ribPath.ts';
import { isFlowspecFamily } from './routeFamilies.ts';

interface RibEntry {
  /** Carry our mark. More than one only where somebody gave them path identifiers. */
  readonly ours: readonly RibPath[];
  /** Somebody else injected this NLRI; adding ours would replace theirs. */
  readonly foreign: boolean;
}

export class RibSnapshot {
  readonly #entries = new Map<string, RibEntry>();

  clear(): void {
    this.#entries.clear();
  }

  /** Takes a listing of all that is known of. */
  replaceAll(paths: readonly RibPath[]): void {
    this.#entries.clear();
    this.#insert(paths);
  }

  /** Takes a listing of these keys; what is missing in it is gone. */
  replaceKeys(keys: Iterable<string>, paths: readonly RibPath[]): void {
    const asked = new Set(keys);
    for (const key of asked) this.#entries.delete(key);
    this.#insert(paths.filter((path) => asked.has(path.key)));
  }

  /** Ours under this key; empty where there is none. */
  ours(key: string): readonly RibPath[] {
    return this.#entries.get(key)?.ours ?? [];
  }

  /** The one AddPath would replace: it sets no path identifier. */
  own(key: string): RibPath | undefined {
    return this.ours(key).find((path) => path.identifier === 0);
  }

  isForeign(key: string): boolean {
    return this.#entries.get(key)?.foreign ?? false;
  }

  *allOurs(): Generator<RibPath> {
    for (const entry of this.#entries.values()) yield* entry.ours;
  }

  /** Keys of routes that carry our mark. */
  ourKeys(): string[] {
    return [...this.#entries].filter(([, entry]) => entry.ours.length > 0).map(([key]) => key);
  }

  #insert(paths: readonly RibPath[]): void {
    for (const path of paths) {
      if (!path.local) continue;
      const { ours, foreign } = this.#entries.get(path.key) ?? { ours: [], foreign: false };
      if (path.marked) this.#entries.set(path.key, { ours: [...ours, path], foreign });
      else this.#entries.set(path.key, { ours, foreign: true });
    }
  }
}

/** A route's key begins with its family. */
export function familyOfKey(key: string): RouteFamily {
  return key.slice(0, key.indexOf(' ')) as RouteFamily;
}

/** What follows the family: of a unicast route the prefix. */
export function nlriOfKey(key: string): string {
  return key.slice(key.indexOf(' ') + 1);
}

/** How many of these keys are of each kind, as the gauges count them. */
export function countKinds(keys: Iterable<string>): { unicast: number; flowspec: number } {
  const counts = { unicast: 0, flowspec: 0 };
  for (const key of keys) counts[isFlowspecFamily(familyOfKey(key)) ? 'flowspec' : 'unicast']++;
  return counts;
}
