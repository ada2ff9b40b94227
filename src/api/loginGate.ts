/*
 * Checks the token of each request. Every token is compared. Only failures are limited: an address that failed too often
 * has to wait, and does not fill the log. A valid token is always accepted, because an attacker who guesses tokens may
 * share the address (a proxy, NAT, this machine) with an operator who must stop an attack.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { ApiError } from './apiError.ts';
import type { Authenticator, Principal } from './authenticator.ts';
import { FailureLimiter } from './failureLimiter.ts';
import type { KnownAddresses } from './knownAddresses.ts';

export interface LoginGateOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly known: KnownAddresses;
}

export class LoginGate {
  readonly #options: LoginGateOptions;
  readonly #failures = new FailureLimiter();

  constructor(options: LoginGateOptions) {
    this.#options = options;
  }

  /** `client` is an IP address. Throws ApiError: unauthenticated, too_many_requests. */
  admit(authenticator: Authenticator, authorization: string | undefined, client: string): Principal {
    const principal = authenticator.principalOf(authorization);
    if (principal !== undefined) {
      this.#options.known.add(client);
      return principal;
    }
    // A request without a token is no guess.
    if (authorization !== undefined) this.#count(client);
    throw new ApiError('unauthenticated', 'a valid bearer token is needed');
  }

  #count(client: string): void {
    const { clock, logger } = this.#options;
    const verdict = this.#failures.fail(client, clock.now());
    if (verdict === 'first') logger.warn({ client }, 'login failed: no such token');
    if (verdict === 'last') logger.warn({ client }, 'too many failed logins from this address');
    if (verdict === 'spent') throw new ApiError('too_many_requests', 'too many failed logins from this address');
  }
}
