/*
 * Reads GoBGP's tables by route key. Unicast routes are looked up by their prefixes, so a daemon that holds a full
 * table answers fast. FlowSpec rules cannot be looked up and are listed whole. What takes GoBGP as long as its tables
 * are large, and it cannot do otherwise, is to find routes whose prefix is not known, and to list what a peer is sent.
 */
import type { RouteFamily } from '../mitigation/route.ts';
import type { GobgpClient, ListPathsOptions } from './gobgpClient.ts';
import { isFamilyNotSupported } from './gobgpError.ts';
import { familyOfKey, nlriOfKey, type RibPath, readRibPath } from './ribSnapshot.ts';
import { isFlowspecFamily, ROUTE_FAMILIES, type WireLargeCommunity } from './wirePath.ts';

/** Most prefixes in one call. */
const LOOKUPS_PER_CALL = 500;

/** Of an adj-out as many as fit in the 4 MB that gobgpd takes in a message. */
const ADJ_OUT_LOOKUPS_PER_CALL = 50_000;

export class RibReader {
  readonly #client: GobgpClient;
  readonly #marks: readonly WireLargeCommunity[];

  constructor(client: GobgpClient, marks: readonly WireLargeCommunity[]) {
    this.#client = client;
    this.#marks = marks;
  }

  /** Every FlowSpec rule that was injected. */
  async listInjectedRules(): Promise<RibPath[]> {
    const families = ROUTE_FAMILIES.filter(isFlowspecFamily);
    return (await Promise.all(families.map((family) => this.#list(family, { injectedOnly: true })))).flat();
  }

  /** Every unicast route that was injected; slow where GoBGP has learned many. */
  async findInjectedUnicast(): Promise<RibPath[]> {
    const families = ROUTE_FAMILIES.filter((family) => !isFlowspecFamily(family));
    const options = { injectedOnly: true, wholeTable: true };
    return (await Promise.all(families.map((family) => this.#list(family, options)))).flat();
  }

  /** Whatever the global RIB holds under these keys; of FlowSpec families possibly more. */
  async listKeys(keys: Iterable<string>): Promise<RibPath[]> {
    const lookups = lookupsOf(keys, LOOKUPS_PER_CALL);
    return (await Promise.all(lookups.map(({ family, prefixes }) => this.#list(family, { prefixes })))).flat();
  }

  /**
   * Whatever the adj-out of a peer holds under these keys; of FlowSpec families possibly more. Slow where GoBGP has
   * learned many routes: it works out the whole of it at every call.
   */
  async listAdjOut(keys: Iterable<string>, peer: string): Promise<RibPath[]> {
    const paths: RibPath[] = [];
    for (const { family, prefixes } of lookupsOf(keys, ADJ_OUT_LOOKUPS_PER_CALL)) {
      paths.push(...(await this.#list(family, { adjOutOf: peer, wholeTable: true, prefixes })));
    }
    return paths;
  }

  /** A family the daemon was not configured with has no table, and so no routes. */
  async #list(family: RouteFamily, options: ListPathsOptions): Promise<RibPath[]> {
    try {
      const paths = await this.#client.listPaths(family, options);
      return paths.map((path) => readRibPath(path, family, this.#marks)).filter((path) => path !== undefined);
    } catch (error) {
      if (isFamilyNotSupported(error)) return [];
      throw error;
    }
  }
}

interface Lookup {
  readonly family: RouteFamily;
  /** Empty for a FlowSpec family, which is listed whole. */
  readonly prefixes: readonly string[];
}

function lookupsOf(keys: Iterable<string>, perCall: number): Lookup[] {
  const lookups: Lookup[] = [];
  for (const [family, asked] of Map.groupBy(keys, familyOfKey)) {
    if (isFlowspecFamily(family)) lookups.push({ family, prefixes: [] });
    else {
      for (let i = 0; i < asked.length; i += perCall) {
        lookups.push({ family, prefixes: asked.slice(i, i + perCall).map(nlriOfKey) });
      }
    }
  }
  return lookups;
}
