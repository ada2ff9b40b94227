/*
 * The door: finds out who asks. Every token is compared. Only failures are limited: an address that failed too often is
 * told to wait, and the log is not filled with it; a valid token is let in from anywhere, for the one who guesses may
 * share the address (a proxy, NAT, this machine) with an operator who has an attack to stop.
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
  readonly #guesses = new FailureLimiter();

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
    // Who presents no token guesses nothing.
    if (authorization !== undefined) this.#count(client);
    throw new ApiError('unauthenticated', 'a valid bearer token is needed');
  }

  #count(client: string): void {
    const { clock, logger } = this.#options;
    const verdict = this.#guesses.fail(client, clock.now());
    if (verdict === 'first') logger.warn({ client }, 'login failed: no such token');
    if (verdict === 'last') logger.warn({ client }, 'too many failed logins from this address');
    if (verdict === 'spent') throw new ApiError('too_many_requests', 'too many failed logins from this address');
  }
}
