/*
 * The door: finds out who asks, and keeps strangers from trying tokens without end.
 *
 * An address that failed too often is held back: what it presents is not even compared, so that guessing gets no faster
 * than one try a second. But a token that was let in from that address before still is, for the one who guesses may
 * share the address (a proxy, NAT, this machine) with an operator who has an attack to stop.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { ApiError } from './apiError.ts';
import type { Authenticator, Principal } from './authenticator.ts';
import { FailureLimiter } from './failureLimiter.ts';

/** Pairs of an address and a token that are remembered. */
const MAX_ACQUAINTED = 1024;

export class LoginGate {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #guesses = new FailureLimiter();
  /** The one that was let in longest ago first. */
  readonly #acquainted = new Set<string>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** `client` is an IP address. Throws ApiError: unauthenticated, too_many_requests. */
  admit(authenticator: Authenticator, authorization: string | undefined, client: string): Principal {
    if (authorization === undefined && !authenticator.isOpen) {
      throw new ApiError('unauthenticated', 'a valid bearer token is needed');
    }
    const pair = createHash('sha256').update(`${client} ${authorization}`).digest('base64');
    if (this.#guesses.isSpent(client, this.#clock.now()) && !this.#acquainted.has(pair)) {
      throw new ApiError('too_many_requests', 'too many failed logins from this address, try again later');
    }
    const principal = authenticator.principalOf(authorization);
    if (principal === undefined) {
      this.#count(client);
      throw new ApiError('unauthenticated', 'a valid bearer token is needed');
    }
    this.#acquainted.delete(pair);
    this.#acquainted.add(pair);
    if (this.#acquainted.size > MAX_ACQUAINTED) this.#forgetOldest();
    return principal;
  }

  #count(client: string): void {
    const verdict = this.#guesses.fail(client, this.#clock.now());
    if (verdict === 'first') this.#logger.warn({ client }, 'login failed: no such token');
    if (verdict === 'last') {
      this.#logger.warn({ client }, 'too many failed logins, what this address presents is not looked at for a while');
    }
  }

  #forgetOldest(): void {
    for (const pair of this.#acquainted) {
      this.#acquainted.delete(pair);
      return;
    }
  }
}
