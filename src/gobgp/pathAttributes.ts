/*
 * What a path says beside its NLRI, in a form that two readings of the same path agree in. So "is the route in the RIB
 * the one that is wanted" is a comparison of two texts, and a restart of Kapkan touches nothing that already stands.
 */
import type { RouteFamily } from '../mitigation/route.ts';
import { formatAddress, parseAddress } from '../net/address.ts';
import { isFlowspecFamily, type WireAttribute, type WireLargeCommunity } from './wirePath.ts';

/** Local data 1 of the large community that marks a route as Kapkan's (RFC 8092). */
const MARK_FUNCTION = 19_280;

/** `<asn>:19280:<instance>`: made by the Kapkan of this instance id, beside the GoBGP of this ASN. */
export function markCommunity(asn: number, instanceId: number): WireLargeCommunity {
  return { globalAdmin: asn, localData1: MARK_FUNCTION, localData2: instanceId };
}

/** The mark of this ASN, then those that Kapkan used while the GoBGP had other ones. */
export function marksOf(asn: number, formerAsns: Iterable<number>, instanceId: number): WireLargeCommunity[] {
  return [...new Set([asn, ...formerAsns])].map((each) => markCommunity(each, instanceId));
}

function largeCommunitiesOf(attributes: readonly WireAttribute[]): readonly WireLargeCommunity[] {
  return attributes.flatMap((attribute) => attribute.largeCommunities?.communities ?? []);
}

export function carriesMark(attributes: readonly WireAttribute[], marks: readonly WireLargeCommunity[]): boolean {
  return largeCommunitiesOf(attributes).some((community) => marks.some((mark) => isEqual(mark, community)));
}

/**
 * `communities 4259840102; large-communities 65001:19280:1; next-hop 192.0.2.1; origin 0`. Order and repetition of
 * communities carry no meaning and are taken out; so is the next hop of a FlowSpec rule, which has none.
 */
export function attributesText(attributes: readonly WireAttribute[], family: RouteFamily): string {
  return attributes
    .map((attribute) => attributeText(attribute, family))
    .filter((text) => text !== '')
    .sort()
    .join('; ');
}

function attributeText(attribute: WireAttribute, family: RouteFamily): string {
  const { origin, asPath, nextHop, localPref, communities, mpReach, extendedCommunities, largeCommunities } = attribute;
  if (origin !== undefined) return `origin ${origin.origin}`;
  if (nextHop !== undefined) return nextHopText(nextHop.nextHop, family);
  if (mpReach !== undefined) return nextHopText(mpReach.nextHops[0] ?? '', family);
  if (localPref !== undefined) return `local-pref ${localPref.localPref}`;
  if (communities !== undefined) return `communities ${distinct(communities.communities.map(String))}`;
  if (largeCommunities !== undefined) {
    return `large-communities ${distinct(largeCommunities.communities.map(largeCommunityText))}`;
  }
  if (extendedCommunities !== undefined) {
    const rates = extendedCommunities.communities.map(({ trafficRate }) =>
      trafficRate === undefined ? 'unknown' : `rate ${Math.fround(trafficRate.rate)}`,
    );
    return `extended-communities ${distinct(rates)}`;
  }
  if (asPath !== undefined) {
    const path = asPath.segments.flatMap((segment) => segment.numbers);
    return path.length === 0 ? '' : `as-path ${path.join(' ')}`;
  }
  return 'unknown attribute';
}

function nextHopText(nextHop: string, family: RouteFamily): string {
  if (isFlowspecFamily(family)) return '';
  const address = parseAddress(nextHop);
  return `next-hop ${address === undefined ? nextHop : formatAddress(address)}`;
}

function isEqual(a: WireLargeCommunity, b: WireLargeCommunity): boolean {
  return a.globalAdmin === b.globalAdmin && a.localData1 === b.localData1 && a.localData2 === b.localData2;
}

function largeCommunityText(community: WireLargeCommunity): string {
  return `${community.globalAdmin}:${community.localData1}:${community.localData2}`;
}

function distinct(texts: readonly string[]): string {
  return [...new Set(texts)].sort().join(' ');
}
