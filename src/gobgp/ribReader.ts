/*
 * Reads GoBGP's tables by route key. Unicast routes are looked up one by one in long lists of prefixes, so that a
 * daemon with a full table behind it answers shortly; FlowSpec rules cannot be looked up and are listed whole.
 */
import type { RouteFamily } from '../mitigation/route.ts';
import { type GobgpClient, isFamilyNotSupported, type ListPathsOptions } from './gobgpClient.ts';
import { type RibPath, readRibPath } from './ribPath.ts';
import { familyOfKey, nlriOfKey } from './ribSnapshot.ts';
import { isFlowspecFamily, ROUTE_FAMILIES } from './routeFamilies.ts';
import type { WireLargeCommunity } from './wirePath.ts';

/** Prefixes asked for in one call. */
const LOOKUPS_PER_CALL = 500;

export class RibReader {
  readonly #client: GobgpClient;
  readonly #mark: WireLargeCommunity;

  constructor(client: GobgpClient, mark: WireLargeCommunity) {
    this.#client = client;
    this.#mark = mark;
  }

  /** What was injected into the whole family of the global RIB. */
  listInjected(family: RouteFamily): Promise<RibPath[]> {
    return this.#list(family, { injectedOnly: true });
  }

  /** Whatever the global RIB, or the adj-out of a peer, holds under these keys; of FlowSpec families possibly more. */
  async listKeys(keys: Iterable<string>, adjOutOf?: string): Promise<RibPath[]> {
    const byFamily = Map.groupBy(keys, familyOfKey);
    const calls: Promise<RibPath[]>[] = [];
    for (const family of ROUTE_FAMILIES) {
      const asked = byFamily.get(family) ?? [];
      const step = isFlowspecFamily(family) ? asked.length : LOOKUPS_PER_CALL;
      for (let i = 0; i < asked.length; i += step) {
        calls.push(this.#list(family, { adjOutOf, prefixes: asked.slice(i, i + step).map(nlriOfKey) }));
      }
    }
    return (await Promise.all(calls)).flat();
  }

  /** A family the daemon was not configured with has no table, and so no routes. */
  async #list(family: RouteFamily, options: ListPathsOptions): Promise<RibPath[]> {
    try {
      const paths = await this.#client.listPaths(family, options);
      return paths.map((path) => readRibPath(path, family, this.#mark)).filter((path) => path !== undefined);
    } catch (error) {
      if (isFamilyNotSupported(error)) return [];
      throw error;
    }
  }
}
