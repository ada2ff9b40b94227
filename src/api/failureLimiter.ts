/*
 * How often something failed for each source, as a token bucket: a burst of failures is allowed, then one a second. The
 * table is bounded; the source that failed longest ago is forgotten first.
 */
import { parseAddress } from '../net/address.ts';

/** A script with an old token fails a few times a second; no person types so many. */
const BURST = 60;
const REFILL_PER_SECOND = 1;
const MAX_SOURCES = 4096;

interface Account {
  /** Failures that are still allowed; at most BURST. */
  left: number;
  /** When `left` was computed. */
  at: number;
  /** Since it was last full. */
  wasSpent: boolean;
}

/** `first` of a burst; `last` that is allowed; `spent` for those beyond it. */
export type FailureVerdict = 'first' | 'more' | 'last' | 'spent';

/** Times are clock milliseconds. */
export class FailureLimiter {
  /** The one that failed longest ago first. */
  readonly #accounts = new Map<string, Account>();

  /** Counts a failure of a client, by its address. */
  fail(client: string, now: number): FailureVerdict {
    const source = sourceOf(client);
    const account = this.#accounts.get(source) ?? { left: BURST, at: now, wasSpent: false };
    this.#accounts.delete(source);
    this.#accounts.set(source, account);
    if (this.#accounts.size > MAX_SOURCES) this.#forgetOldest();
    account.left = refilled(account, now);
    account.at = now;
    if (account.left < 1) return 'spent';
    const isFirst = account.left === BURST;
    account.left--;
    if (isFirst) {
      account.wasSpent = false;
      return 'first';
    }
    if (account.left >= 1 || account.wasSpent) return 'more';
    account.wasSpent = true;
    return 'last';
  }

  #forgetOldest(): void {
    for (const source of this.#accounts.keys()) {
      this.#accounts.delete(source);
      return;
    }
  }
}

function refilled({ left, at }: Account, now: number): number {
  return Math.min(BURST, left + (Math.max(0, now - at) / 1000) * REFILL_PER_SECOND);
}

/** One host's share of the table: an IPv4 address, or the /64 that an IPv6 host may choose its addresses from. */
function sourceOf(client: string): string {
  const address = parseAddress(client);
  return address?.version === 6 ? `${address.word0}:${address.word1}` : client;
}
