/*
 * A route of the mitigation core as the path that is given to GoBGP. Everything is checked first (routeCheck.ts).
 *
 *   IPv4 host   origin, next_hop, communities
 *   IPv6 host   origin, mp_reach with the next hop, communities
 *   FlowSpec    origin, mp_reach with no next hop of meaning, extended community traffic-rate (RFC 8955 §7.1)
 *
 * and on every one the large community that marks it as ours.
 */
import {
  type FlowspecRoute,
  type Route,
  type RouteFamily,
  routeFamily,
  type UnicastRoute,
} from '../mitigation/route.ts';
import { encodeFlowspecMatch } from './flowspecNlri.ts';
import { attributesText } from './pathAttributes.ts';
import { checkNextHop, checkPrefix, checkUint32, refuse } from './routeCheck.ts';
import {
  familyNumbers,
  type WireAttribute,
  type WireLargeCommunity,
  type WireNlri,
  type WirePath,
} from './wirePath.ts';

export interface EncodedRoute {
  readonly family: RouteFamily;
  readonly nlri: WireNlri;
  readonly attributes: readonly WireAttribute[];
  /** `attributesText` of the attributes, to be found again in the RIB. */
  readonly attributesText: string;
}

const ORIGIN_IGP = 0;

/** A FlowSpec rule goes nowhere, but both generations want an address here. */
const NO_NEXT_HOP = '0.0.0.0';

/** Largest number a 32-bit float can carry, the form of a traffic rate on the wire. */
const MAX_RATE = 3.4e38;

const MAX_COMMUNITIES = 64;

/** Throws a `GobgpError` with code `INVALID_ROUTE` for a route that must not reach GoBGP. */
export function encodeRoute(route: Route, mark: WireLargeCommunity): EncodedRoute {
  const family = routeFamily(route);
  const nlri =
    route.kind === 'unicast' ? unicastNlri(route) : { flowSpec: { rules: encodeFlowspecMatch(route.match) } };
  const attributes =
    route.kind === 'unicast' ? unicastAttributes(route, nlri, mark) : flowspecAttributes(route, nlri, mark);
  return { family, nlri, attributes, attributesText: attributesText(attributes, family) };
}

/** The message of AddPath. `nowMs` becomes the path's age where the daemon believes the client. */
export function announcementPath(encoded: EncodedRoute, nowMs: number): WirePath {
  return {
    nlri: encoded.nlri,
    pattrs: encoded.attributes,
    family: familyNumbers(encoded.family),
    age: { seconds: Math.floor(nowMs / 1000) },
  };
}

/**
 * The message of DeletePath. Without an NLRI the call would withdraw far more than one route, so there is always one.
 */
export function withdrawalPath(family: RouteFamily, nlri: WireNlri, identifier: number): WirePath {
  if (nlri.prefix === undefined && nlri.flowSpec === undefined) refuse('a withdrawal must name its route');
  return {
    nlri,
    pattrs: withdrawalAttributes(family, nlri),
    family: familyNumbers(family),
    isWithdraw: true,
    identifier,
  };
}

/** gobgpd builds a path before it withdraws one, and a path has an origin and a next hop. */
function withdrawalAttributes(family: RouteFamily, nlri: WireNlri): WireAttribute[] {
  const nextHop = family === 'ipv6-unicast' ? '::' : NO_NEXT_HOP;
  const origin = { origin: { origin: ORIGIN_IGP } };
  if (family === 'ipv4-unicast') return [origin, { nextHop: { nextHop } }];
  return [origin, { mpReach: { family: familyNumbers(family), nextHops: [nextHop], nlris: [nlri] } }];
}

function unicastNlri(route: UnicastRoute): WireNlri {
  checkPrefix(route.prefix);
  return { prefix: { prefixLen: route.prefix.length, prefix: route.prefix.text.split('/')[0] } };
}

function unicastAttributes(route: UnicastRoute, nlri: WireNlri, mark: WireLargeCommunity): WireAttribute[] {
  const { version } = route.prefix.address;
  checkNextHop(route.nextHop, version);
  if (route.communities.length > MAX_COMMUNITIES) {
    refuse(`a route may carry at most ${MAX_COMMUNITIES} communities, got ${route.communities.length}`);
  }
  const standard: number[] = [];
  const large: WireLargeCommunity[] = [mark];
  for (const community of route.communities) {
    if (community.kind === 'standard') {
      checkUint32('community', community.value);
      standard.push(community.value);
    } else {
      const [globalAdmin, localData1, localData2] = community.value;
      for (const part of community.value) checkUint32('part of a large community', part);
      large.push({ globalAdmin, localData1, localData2 });
    }
  }
  const attributes: WireAttribute[] = [{ origin: { origin: ORIGIN_IGP } }];
  if (version === 4) attributes.push({ nextHop: { nextHop: route.nextHop } });
  else attributes.push(mpReach('ipv6-unicast', route.nextHop, nlri));
  if (route.localPref !== undefined) {
    checkUint32('local_pref', route.localPref);
    attributes.push({ localPref: { localPref: route.localPref } });
  }
  if (standard.length > 0) attributes.push({ communities: { communities: standard } });
  attributes.push({ largeCommunities: { communities: large } });
  return attributes;
}

function flowspecAttributes(route: FlowspecRoute, nlri: WireNlri, mark: WireLargeCommunity): WireAttribute[] {
  const rate = route.rateBytesPerSecond;
  if (!(rate >= 0 && rate <= MAX_RATE)) refuse(`traffic rate must be a finite number from 0, got ${rate}`);
  return [
    { origin: { origin: ORIGIN_IGP } },
    mpReach(routeFamily(route), NO_NEXT_HOP, nlri),
    { extendedCommunities: { communities: [{ trafficRate: { asn: 0, rate: Math.fround(rate) } }] } },
    { largeCommunities: { communities: [mark] } },
  ];
}

function mpReach(family: RouteFamily, nextHop: string, nlri: WireNlri): WireAttribute {
  return { mpReach: { family: familyNumbers(family), nextHops: [nextHop], nlris: [nlri] } };
}
