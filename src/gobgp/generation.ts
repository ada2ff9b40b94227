/*
 * The two incompatible generations of GoBGP's gRPC API: where the service lives, the enum values that moved between
 * them, and how each packs a path. Everything else in this room is the same for both.
 */
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { V3Variants } from './v3Variants.ts';
import type { WirePath, WirePeer } from './wirePath.ts';

export type GobgpApi = 'v3' | 'v4';

export type GobgpCall = 'GetBgp' | 'ListPeer' | 'ListPath' | 'AddPath' | 'AddPathStream' | 'DeletePath' | 'WatchEvent';

export interface Generation {
  readonly api: GobgpApi;
  method(call: GobgpCall): MethodDefinition<object, object>;
  /** TableType; the number that means adj-out in 3.x means adj-in in 4.x. */
  readonly globalTable: number;
  readonly adjOutTable: number;
  /** Type of a TableLookupPrefix. */
  readonly exactLookup: number;
  /** Type of a WatchEvent table filter. */
  readonly bestPathFilter: number;
  packPath(path: WirePath): object;
  unpackPath(message: object): WirePath;
  unpackPeer(message: object): WirePeer;
}

const loaded = new Map<GobgpApi, Generation>();

/** Reads the definition once; every client shares it. */
export function generationOf(api: GobgpApi): Generation {
  let generation = loaded.get(api);
  if (generation === undefined) {
    generation = api === 'v3' ? loadV3() : loadV4();
    loaded.set(api, generation);
  }
  return generation;
}

function loadV3(): Generation {
  const definition = loadDefinition('gobgp3.proto');
  const service = definition['apipb.GobgpApi'] as ServiceDefinition;
  const variants = new V3Variants(definition);
  return {
    api: 'v3',
    method: (call) => service[call],
    globalTable: 0,
    adjOutTable: 3,
    exactLookup: 0,
    bestPathFilter: 0,
    packPath: (path) => variants.packPath(path),
    unpackPath: (message) => variants.unpackPath(message),
    unpackPeer: (message) => variants.unpackPeer(message),
  };
}

function loadV4(): Generation {
  const definition = loadDefinition('gobgp4.proto');
  const service = definition['api.GoBgpService'] as ServiceDefinition;
  return {
    api: 'v4',
    method: (call) => service[call],
    globalTable: 1,
    adjOutTable: 4,
    exactLookup: 1,
    bestPathFilter: 1,
    packPath: (path) => path,
    unpackPath: (message) => message as WirePath,
    unpackPeer: (message) => message as WirePeer,
  };
}

function loadDefinition(file: string): PackageDefinition {
  const path = new URL(`../../proto/${file}`, import.meta.url).pathname;
  return loadSync(decodeURIComponent(path), { longs: Number, defaults: true });
}
