/*
 * Paths, peers and address families as GoBGP's API has them, in the one shape of this room. It is that of generation 4,
 * where a value of several kinds is a `oneof`; generation 3 uses `Any` instead and is translated (v3Variants.ts).
 * Meaning of the fields: proto/gobgp4.proto. A variant without any of its kinds is one that Kapkan does not know.
 */
import type { RouteFamily } from '../mitigation/route.ts';

export interface WireFamily {
  readonly afi: number;
  readonly safi: number;
}

export interface WirePath {
  readonly nlri: WireNlri | null;
  readonly pattrs: readonly WireAttribute[];
  readonly family: WireFamily | null;
  readonly isWithdraw?: boolean;
  /** Seconds since 1970, for the generation that believes the client. */
  readonly age?: { readonly seconds: number };
  readonly neighborIp?: string;
  readonly identifier?: number;
}

export interface WireNlri {
  readonly prefix?: { readonly prefixLen: number; readonly prefix: string };
  readonly flowSpec?: { readonly rules: readonly WireFlowspecRule[] };
}

export interface WireFlowspecRule {
  readonly ipPrefix?: {
    readonly type: number;
    readonly prefixLen: number;
    readonly prefix: string;
    readonly offset: number;
  };
  readonly component?: { readonly type: number; readonly items: readonly WireFlowspecItem[] };
}

export interface WireFlowspecItem {
  readonly op: number;
  readonly value: number;
}

export interface WireAttribute {
  readonly origin?: { readonly origin: number };
  readonly asPath?: { readonly segments: readonly { readonly numbers: readonly number[] }[] };
  readonly nextHop?: { readonly nextHop: string };
  readonly localPref?: { readonly localPref: number };
  readonly communities?: { readonly communities: readonly number[] };
  readonly mpReach?: {
    readonly family: WireFamily | null;
    readonly nextHops: readonly string[];
    readonly nlris: readonly WireNlri[];
  };
  readonly extendedCommunities?: { readonly communities: readonly WireExtendedCommunity[] };
  readonly largeCommunities?: { readonly communities: readonly WireLargeCommunity[] };
}

export interface WireExtendedCommunity {
  readonly trafficRate?: { readonly asn: number; readonly rate: number };
}

export interface WireLargeCommunity {
  readonly globalAdmin: number;
  readonly localData1: number;
  readonly localData2: number;
}

export interface WireCapability {
  readonly multiProtocol?: { readonly family: WireFamily | null };
}

/** A neighbour of ListPeer or of a peer event. */
export interface WirePeer {
  readonly conf: { readonly neighborAddress: string; readonly peerAsn: number } | null;
  readonly state: {
    readonly neighborAddress: string;
    readonly peerAsn: number;
    readonly sessionState: number;
    readonly remoteCap: readonly WireCapability[];
    readonly localCap: readonly WireCapability[];
  } | null;
  readonly timers: { readonly state: { readonly uptime: { readonly seconds: number } | null } | null } | null;
  readonly transport: { readonly localAddress: string } | null;
  readonly routeServer: { readonly routeServerClient: boolean } | null;
  readonly gracefulRestart: { readonly localRestarting: boolean } | null;
}

/** The address families that Kapkan announces in. */
export const ROUTE_FAMILIES: readonly RouteFamily[] = [
  'ipv4-unicast',
  'ipv6-unicast',
  'ipv4-flowspec',
  'ipv6-flowspec',
];

/** Their numbers in BGP (RFC 4760; SAFI 133 is FlowSpec, RFC 8955). */
const NUMBERS: Readonly<Record<RouteFamily, WireFamily>> = {
  'ipv4-unicast': { afi: 1, safi: 1 },
  'ipv6-unicast': { afi: 2, safi: 1 },
  'ipv4-flowspec': { afi: 1, safi: 133 },
  'ipv6-flowspec': { afi: 2, safi: 133 },
};

export function familyNumbers(family: RouteFamily): WireFamily {
  return NUMBERS[family];
}

/** Undefined for a family that Kapkan does not announce in. */
export function familyOfNumbers(numbers: WireFamily | null): RouteFamily | undefined {
  return ROUTE_FAMILIES.find((family) => {
    const { afi, safi } = NUMBERS[family];
    return afi === numbers?.afi && safi === numbers.safi;
  });
}

export function isFlowspecFamily(family: RouteFamily): boolean {
  return NUMBERS[family].safi === 133;
}
