/*
 * The four address families that Kapkan announces in, as BGP numbers them (RFC 4760; SAFI 133 is FlowSpec, RFC 8955).
 */
import type { RouteFamily } from '../mitigation/route.ts';
import type { WireFamily } from './wirePath.ts';

export const ROUTE_FAMILIES: readonly RouteFamily[] = [
  'ipv4-unicast',
  'ipv6-unicast',
  'ipv4-flowspec',
  'ipv6-flowspec',
];

const NUMBERS: Readonly<Record<RouteFamily, WireFamily>> = {
  'ipv4-unicast': { afi: 1, safi: 1 },
  'ipv6-unicast': { afi: 2, safi: 1 },
  'ipv4-flowspec': { afi: 1, safi: 133 },
  'ipv6-flowspec': { afi: 2, safi: 133 },
};

export function familyNumbers(family: RouteFamily): WireFamily {
  return NUMBERS[family];
}

/** Undefined for the families that are none of ours. */
export function familyOfNumbers(numbers: WireFamily | null): RouteFamily | undefined {
  return ROUTE_FAMILIES.find((family) => {
    const { afi, safi } = NUMBERS[family];
    return afi === numbers?.afi && safi === numbers.safi;
  });
}

export function isFlowspecFamily(family: RouteFamily): boolean {
  return NUMBERS[family].safi === 133;
}
