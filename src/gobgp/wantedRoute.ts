/*
 * One route that should be announced, as it is encoded for this daemon, and what has been seen of it there.
 */
import { messageOf } from '../errors.ts';
import type { Announcement } from '../mitigation/announcer.ts';
import { type EncodedRoute, encodeRoute } from './encodeRoute.ts';
import type { RibSnapshot } from './ribSnapshot.ts';
import type { WireLargeCommunity } from './wirePath.ts';

/** Times are clock milliseconds. */
export class WantedRoute {
  announcement: Announcement;
  /** Undefined while the daemon's ASN is not known, and for a route the encoder refuses. */
  encoded: EncodedRoute | undefined;
  installed = false;
  confirmedAt: number | undefined;
  pendingSince: number | undefined;
  lastError: string | undefined;
  /** Attributes it was last confirmed with: a difference from these was not our doing. */
  confirmedText: string | undefined;
  /**
   * Attributes the RIB showed right after we had written others: the daemon's own policy makes it so, and writing it
   * again would change nothing.
   */
  policyText: string | undefined;

  constructor(announcement: Announcement, nowMs: number) {
    this.announcement = announcement;
    this.pendingSince = nowMs;
  }

  /** Encodes for a daemon of this mark; a route that must not reach the wire is told in `lastError`. */
  encode(mark: WireLargeCommunity): void {
    try {
      this.encoded = encodeRoute(this.announcement.route, mark);
      this.lastError = undefined;
    } catch (error) {
      this.encoded = undefined;
      this.lastError = messageOf(error);
    }
  }

  /** Whether the RIB holds it with the attributes wanted. */
  isIn(rib: RibSnapshot): boolean {
    const text = rib.own(this.announcement.key)?.attributesText;
    return text !== undefined && (text === this.encoded?.attributesText || text === this.policyText);
  }

  saysTheSameAs(other: WantedRoute): boolean {
    return this.encoded !== undefined && this.encoded.attributesText === other.encoded?.attributesText;
  }

  confirm(nowMs: number): void {
    this.installed = true;
    this.confirmedAt = nowMs;
    this.confirmedText = this.encoded?.attributesText;
    this.pendingSince = undefined;
    if (this.policyText === undefined) this.lastError = undefined;
  }

  /** It is wanted and cannot be seen. */
  lose(nowMs: number): void {
    this.installed = false;
    this.pendingSince ??= nowMs;
  }
}
