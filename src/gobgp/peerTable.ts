/*
 * GoBGP's neighbours and which of our routes each is sent: the evidence that goes beyond the daemon's own RIB. Adj-out
 * is listed once per established peer and negotiated family, never per route.
 */
import type { RouteFamily } from '../mitigation/route.ts';
import { type Address, parseAddress } from '../net/address.ts';
import { NOTHING_ADVERTISED, type Peer, whyHeldBack, whyUnreachable } from './peer.ts';
import type { RibReader } from './ribReader.ts';
import { familyOfKey } from './ribSnapshot.ts';

/** The route was just announced, or GoBGP takes long to list what it sends. */
const NOT_READ_YET = 'not known yet';

/** Ours is sent, or something else under the same NLRI, or nothing. */
type Sent = 'ours' | 'other' | 'nothing';

export interface Reach {
  readonly advertisedTo: readonly string[];
  readonly notAdvertisedTo: readonly { readonly peer: string; readonly why: string }[];
  /** What some peer is sent was not read yet. */
  readonly isReachUnknown: boolean;
}

export class PeerTable {
  #peers: readonly Peer[] = [];
  /** By peer address, then by route key. */
  readonly #sent = new Map<string, Map<string, Sent>>();
  /** Our end of each session when last seen, by peer address. */
  readonly #localAddresses = new Map<string, string>();
  #bgpEndpoints: readonly Address[] = [];

  peers(): readonly Peer[] {
    return this.#peers.map((peer) => ({ ...peer, advertised: this.#countSent(peer) }));
  }

  clear(): void {
    this.#peers = [];
    this.#sent.clear();
  }

  /**
   * Both ends of every session. For a session or a daemon that is down, those last seen: it should come back, and no
   * route may prevent that.
   */
  bgpEndpoints(): readonly Address[] {
    return this.#bgpEndpoints;
  }

  /** Whether some peer can be sent this family. */
  canBeSent(family: RouteFamily): boolean {
    return this.#peers.some((peer) => whyUnreachable(peer, family) === undefined);
  }

  /**
   * Takes a new list of neighbours. What was known of the adj-out of peers that cannot be sent anything any more is
   * dropped.
   */
  replacePeers(peers: readonly Peer[]): void {
    this.#peers = peers;
    this.#noteEndpoints();
    for (const [address, sent] of this.#sent) {
      const peer = peers.find((candidate) => candidate.address === address);
      for (const key of sent.keys()) {
        if (peer === undefined || whyUnreachable(peer, familyOfKey(key)) !== undefined) sent.delete(key);
      }
    }
  }

  /**
   * Lists the adj-outs for these keys, which may take long: what is no longer wanted by the time of the answer is left
   * out of it. Returns whether anything is different from before.
   */
  async readAdvertised(
    reader: RibReader,
    keys: readonly string[],
    isWanted: (key: string) => boolean,
  ): Promise<boolean> {
    let changed = false;
    // One after the other: while GoBGP works out an adj-out it does nothing else, and other calls wait for it.
    for (const peer of this.#peers) changed = (await this.#readPeer(reader, peer, keys, isWanted)) || changed;
    return changed;
  }

  /** Forgets a route that is not announced any more. */
  forget(key: string): void {
    for (const sent of this.#sent.values()) sent.delete(key);
  }

  /** Which peers are sent a route that is in the RIB, and which are not, with the reason. */
  reachOf(key: string): Reach {
    const advertisedTo: string[] = [];
    const notAdvertisedTo: { peer: string; why: string }[] = [];
    let isReachUnknown = false;
    for (const peer of this.#peers) {
      const sent = this.#sent.get(peer.address)?.get(key);
      const why = whyUnreachable(peer, familyOfKey(key)) ?? whyHeldBack(peer) ?? whyNotSent(sent);
      isReachUnknown ||= why === NOT_READ_YET;
      if (why === undefined) advertisedTo.push(peer.address);
      else notAdvertisedTo.push({ peer: peer.address, why });
    }
    return { advertisedTo, notAdvertisedTo, isReachUnknown };
  }

  #noteEndpoints(): void {
    const texts = new Set<string>();
    for (const { address, localAddress } of this.#peers) {
      if (localAddress !== undefined) this.#localAddresses.set(address, localAddress);
      texts.add(address).add(this.#localAddresses.get(address) ?? '');
    }
    this.#bgpEndpoints = [...texts].map(parseAddress).filter((address) => address !== undefined);
  }

  async #readPeer(
    reader: RibReader,
    peer: Peer,
    keys: readonly string[],
    isWanted: (key: string) => boolean,
  ): Promise<boolean> {
    const asked = keys.filter((key) => whyUnreachable(peer, familyOfKey(key)) === undefined);
    const listed = new Map<string, Sent>();
    for (const path of await reader.listAdjOut(asked, peer.address)) {
      listed.set(path.key, path.local || path.marked ? 'ours' : 'other');
    }
    const peerNow = this.#peers.find(({ address }) => address === peer.address);
    if (peerNow === undefined) return false;
    const sent = this.#sent.get(peer.address) ?? new Map<string, Sent>();
    this.#sent.set(peer.address, sent);
    let changed = false;
    for (const key of asked) {
      const now = listed.get(key) ?? 'nothing';
      if (sent.get(key) === now || !isWanted(key) || whyUnreachable(peerNow, familyOfKey(key)) !== undefined) continue;
      changed = true;
      sent.set(key, now);
    }
    return changed;
  }

  #countSent(peer: Peer): Peer['advertised'] {
    const counts = { ...NOTHING_ADVERTISED };
    if (whyHeldBack(peer) !== undefined) return counts;
    for (const [key, sent] of this.#sent.get(peer.address) ?? []) if (sent === 'ours') counts[familyOfKey(key)]++;
    return counts;
  }
}

/** The session is up and carries the family, so what is not sent was held back by the daemon's own decision. */
function whyNotSent(sent: Sent | undefined): string | undefined {
  switch (sent) {
    case 'ours':
      return undefined;
    case 'other':
      return 'another path is preferred';
    case 'nothing':
      return 'export policy';
    case undefined:
      return NOT_READ_YET;
  }
}
