/*
 * A path as it was found in one of GoBGP's tables, read just far enough to say whose it is, which route it is of, and
 * whether it says what is wanted.
 */
import type { RouteFamily } from '../mitigation/route.ts';
import { routeKey } from '../mitigation/routeText.ts';
import { addressBits, parsePrefix } from '../net/prefix.ts';
import { decodeFlowspecMatch, flowspecVictim } from './flowspecNlri.ts';
import { attributesText, carriesMark } from './pathAttributes.ts';
import type { WireLargeCommunity, WireNlri, WirePath } from './wirePath.ts';

export interface RibPath {
  /** `routeKey` of its NLRI. An NLRI no route of ours can have gets a key of its own that equals none of theirs. */
  readonly key: string;
  readonly family: RouteFamily;
  /** The address it protects, so far as its NLRI tells; empty where it does not. */
  readonly victim: string;
  /** Injected into this daemon and not learned from a peer. */
  readonly local: boolean;
  /** Carries our mark. */
  readonly marked: boolean;
  readonly attributesText: string;
  readonly isWithdraw: boolean;
  /** As it came, to withdraw exactly this path. Undefined where it has parts that Kapkan has no words for. */
  readonly nlri: WireNlri | undefined;
  readonly identifier: number;
}

/** Whether it came in over the API: 3.x writes "<nil>" for the neighbour of such a path, 4.x nothing. */
export function isInjected(path: Pick<WirePath, 'neighborIp'>): boolean {
  return path.neighborIp === undefined || path.neighborIp === '' || path.neighborIp === '<nil>';
}

/** Undefined for a path without NLRI. */
export function readRibPath(path: WirePath, family: RouteFamily, mark: WireLargeCommunity): RibPath | undefined {
  const { nlri } = path;
  if (nlri === null) return undefined;
  return {
    ...identify(nlri, family),
    family,
    local: isInjected(path),
    marked: carriesMark(path.pattrs, mark),
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
