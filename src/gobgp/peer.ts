/*
 * A neighbour of GoBGP and the question whether a route can reach it. What a session carries is read from the
 * capabilities both ends sent (RFC 4760), because gobgpd shows a family as enabled whether or not the peer speaks it.
 */
import type { RouteFamily } from '../mitigation/route.ts';
import { familyOfNumbers, type WireCapability, type WirePeer } from './wirePath.ts';

export type PeerState = 'unknown' | 'idle' | 'connect' | 'active' | 'opensent' | 'openconfirm' | 'established';

/** By gobgpd's number for it, the same in both generations. */
const STATES: readonly PeerState[] = ['unknown', 'idle', 'connect', 'active', 'opensent', 'openconfirm', 'established'];

export interface Peer {
  /** The GoBGP whose neighbour it is, as in the config. */
  readonly daemon: string;
  readonly address: string;
  readonly asn: number;
  readonly state: PeerState;
  /** Of the session; 0 unless established. */
  readonly uptimeSeconds: number;
  /** What the session carries, of the families Kapkan uses; empty unless established. */
  readonly families: readonly RouteFamily[];
  /** GoBGP never sends injected routes to a route-server client. */
  readonly routeServerClient: boolean;
  /** GoBGP restarted gracefully and holds every route back from the peer, although its adj-out lists them. */
  readonly localRestarting: boolean;
  /** Address of our end; undefined while there is none. */
  readonly localAddress: string | undefined;
  /** Kapkan's routes in the peer's adj-out, by family. */
  readonly advertised: Readonly<Record<RouteFamily, number>>;
}

export const NOTHING_ADVERTISED: Peer['advertised'] = {
  'ipv4-unicast': 0,
  'ipv6-unicast': 0,
  'ipv4-flowspec': 0,
  'ipv6-flowspec': 0,
};

/** Why a route of this family cannot reach the peer; undefined where nothing but policy is in its way. */
export function whyUnreachable(peer: Peer, family: RouteFamily): string | undefined {
  if (peer.routeServerClient) return 'route-server client';
  if (peer.state !== 'established') return 'session down';
  if (!peer.families.includes(family)) return 'family not negotiated';
  return undefined;
}

/** Why a route is not sent to a peer that it can reach; undefined where it is sent, if the adj-out says so. */
export function whyHeldBack(peer: Peer): string | undefined {
  return peer.localRestarting ? 'GoBGP is restarting gracefully and holds its routes back' : undefined;
}

export function readPeer(peer: WirePeer, daemon: string, nowMs: number): Peer {
  const state = STATES[peer.state?.sessionState ?? 0] ?? 'unknown';
  const established = state === 'established';
  const upSince = peer.timers?.state?.uptime?.seconds ?? 0;
  return {
    daemon,
    address: peer.state?.neighborAddress || peer.conf?.neighborAddress || '',
    asn: peer.state?.peerAsn || peer.conf?.peerAsn || 0,
    state,
    uptimeSeconds: established && upSince > 0 ? Math.max(0, Math.floor(nowMs / 1000 - upSince)) : 0,
    families: established ? negotiated(peer.state?.localCap ?? [], peer.state?.remoteCap ?? []) : [],
    routeServerClient: peer.routeServer?.routeServerClient ?? false,
    localRestarting: established && (peer.gracefulRestart?.localRestarting ?? false),
    localAddress: peer.transport?.localAddress || undefined,
    advertised: NOTHING_ADVERTISED,
  };
}

function negotiated(local: readonly WireCapability[], remote: readonly WireCapability[]): RouteFamily[] {
  const theirs = offered(remote);
  return offered(local).filter((family) => theirs.includes(family));
}

/** Who offers no family at all speaks IPv4 unicast, as BGP was before there were others. */
function offered(capabilities: readonly WireCapability[]): RouteFamily[] {
  const families = capabilities.flatMap(({ multiProtocol }) =>
    multiProtocol === undefined ? [] : [multiProtocol.family],
  );
  if (families.length === 0) return ['ipv4-unicast'];
  return families.map(familyOfNumbers).filter((family) => family !== undefined);
}
