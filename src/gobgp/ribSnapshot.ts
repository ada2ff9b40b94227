/*
 * A path of GoBGP, and what its global RIB held of injected routes when it was last read: ours, by the mark, and
 * foreign ones, which must not be touched. Paths learned from peers are left out: they are not ours here, even with our
 * mark on them (another injector's, reflected back).
 */
import { type RouteFamily, routeKey } from '../mitigation/route.ts';
import { addressBits, parsePrefix } from '../net/prefix.ts';
import { decodeFlowspecMatch, flowspecVictim } from './flowspecNlri.ts';
import { attributesText, carriesMark } from './pathAttributes.ts';
import { isFlowspecFamily, type WireLargeCommunity, type WireNlri, type WirePath } from './wirePath.ts';

/**
 * A path as it is in one of GoBGP's tables, read only as far as needed to know whose it is, which route it belongs to,
 * and whether it has the wanted attributes.
 */
export interface RibPath {
  /** `routeKey` of its NLRI. An NLRI that no route of ours can have gets a key that equals no `routeKey`. */
  readonly key: string;
  readonly family: RouteFamily;
  /** The address it protects, where its NLRI says it; else empty. */
  readonly victim: string;
  /** Injected into this daemon and not learned from a peer. */
  readonly local: boolean;
  /** Carries our mark. */
  readonly marked: boolean;
  readonly attributesText: string;
  readonly isWithdraw: boolean;
  /** As it was received, to withdraw exactly this path. Undefined where it has parts that Kapkan does not know. */
  readonly nlri: WireNlri | undefined;
  readonly identifier: number;
}

/** Whether it was injected over the API: 3.x writes "<nil>" for the neighbour of such a path, 4.x nothing. */
export function isInjected(path: Pick<WirePath, 'neighborIp'>): boolean {
  return path.neighborIp === undefined || path.neighborIp === '' || path.neighborIp === '<nil>';
}

/** Undefined for a path without NLRI. `marks`: a path with any of them is ours. */
export function readRibPath(
  path: WirePath,
  family: RouteFamily,
  marks: readonly WireLargeCommunity[],
): RibPath | undefined {
  const { nlri } = path;
  if (nlri === null) return undefined;
  return {
    ...identify(nlri, family),
    family,
    local: isInjected(path),
    marked: carriesMark(path.pattrs, marks),
    attributesText: attributesText(path.pattrs, family),
    isWithdraw: path.isWithdraw === true,
    nlri: isComplete(nlri) ? nlri : undefined,
    identifier: path.identifier ?? 0,
  };
}

function identify(nlri: WireNlri, family: RouteFamily): { key: string; victim: string } {
  if (nlri.prefix !== undefined) {
    const text = `${nlri.prefix.prefix}/${nlri.prefix.prefixLen}`;
    const prefix = parsePrefix(text);
    if (typeof prefix === 'string') return { key: `${family} ${text}`, victim: '' };
    const isHost = prefix.length === addressBits(prefix.address.version);
    return { key: `${family} ${prefix.text}`, victim: isHost ? prefix.text.split('/')[0] : prefix.text };
  }
  const match = decodeFlowspecMatch(nlri.flowSpec?.rules ?? []);
  if (match === undefined) return { key: `${family} ${JSON.stringify(nlri.flowSpec?.rules)}`, victim: '' };
  return { key: routeKey({ kind: 'flowspec', match, rateBytesPerSecond: 0 }), victim: flowspecVictim(match) };
}

function isComplete(nlri: WireNlri): boolean {
  if (nlri.prefix !== undefined) return true;
  const rules = nlri.flowSpec?.rules ?? [];
  return rules.length > 0 && rules.every((rule) => rule.ipPrefix !== undefined || rule.component !== undefined);
}

interface RibEntry {
  /** Carry our mark. More than one only where they have path identifiers. */
  readonly ours: readonly RibPath[];
  /** Another program injected this NLRI; adding ours would replace its path. */
  readonly foreign: boolean;
}

export class RibSnapshot {
  readonly #entries = new Map<string, RibEntry>();

  clear(): void {
    this.#entries.clear();
  }

  /** Takes a listing of all routes. */
  replaceAll(paths: readonly RibPath[]): void {
    this.#entries.clear();
    this.#insert(paths);
  }

  /** Takes a listing of these keys; routes that are missing in it are removed. */
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

/** The part of the key after the family: for a unicast route the prefix. */
export function nlriOfKey(key: string): string {
  return key.slice(key.indexOf(' ') + 1);
}

/** How many of these keys are of each kind, as the gauges count them. */
export function countKinds(keys: Iterable<string>): { unicast: number; flowspec: number } {
  const counts = { unicast: 0, flowspec: 0 };
  for (const key of keys) counts[isFlowspecFamily(familyOfKey(key)) ? 'flowspec' : 'unicast']++;
  return counts;
}
