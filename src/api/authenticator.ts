/*
 * Who sent a request, and whether it is admitted: by its bearer token (RFC 6750 §2.1), or where no token is needed, by
 * its `Host` header.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { ApiToken } from '../config/sections/api.ts';
import type { Logger } from '../log.ts';
import { ANONYMOUS as ANONYMOUS_NAME } from '../mitigation/ban.ts';
import { parseAddress } from '../net/address.ts';
import { ApiError } from './apiError.ts';
import type { KnownAddresses } from './connections.ts';
import { FailureLimiter } from './failureLimiter.ts';

export type Role = ApiToken['role'];

/** Who sent a request, known by the token. The name goes into the audit. */
export type Principal = Omit<ApiToken, 'secret'>;

/** Everyone who can connect, where no token is configured. */
export const ANONYMOUS: Principal = { name: ANONYMOUS_NAME, role: 'operator', tenant: undefined };

/**
 * Compares tokens with the configured ones. Both sides are hashed first, so that neither the length nor the first wrong
 * byte of a guess shows in the time it takes, and every token is always compared.
 */
export class Authenticator {
  readonly #known: readonly { readonly digest: Buffer; readonly principal: Principal }[];
  /** Whether requests need no token because the listener is on loopback, and not because the config allows it. */
  readonly trustsThisMachine: boolean;

  constructor(tokens: readonly ApiToken[], allowUnauthenticated: boolean) {
    this.#known = tokens.map(({ secret, ...principal }) => ({ digest: digestOf(secret), principal }));
    this.trustsThisMachine = tokens.length === 0 && !allowUnauthenticated;
  }

  /** Whether no token is needed. */
  get isOpen(): boolean {
    return this.#known.length === 0;
  }

  /** The principal of an `Authorization` header; undefined where it names none, or two of different rights. */
  principalOf(authorization: string | undefined): Principal | undefined {
    if (this.isOpen) return ANONYMOUS;
    const secret = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (secret === undefined) return undefined;
    const presented = digestOf(secret);
    const matches = this.#known.filter(({ digest }) => timingSafeEqual(digest, presented));
    const [first] = matches.map(({ principal }) => principal);
    const agree = matches.every(({ principal: { role, tenant } }) => role === first.role && tenant === first.tenant);
    return agree ? first : undefined;
  }
}

/** An operator may do what a viewer may. */
export function roleCovers(held: Role, needed: Role): boolean {
  return held === needed || held === 'operator';
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret, 'utf8').digest();
}

export interface LoginGateOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly known: KnownAddresses;
}

/**
 * Checks the token of each request. Every token is compared. Only failures are limited: an address that failed too
 * often has to wait, and does not fill the log. A valid token is always accepted, because an attacker who guesses
 * tokens may share the address (a proxy, NAT, this machine) with an operator who must stop an attack.
 */
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
    // A request without a token is not a guess.
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

/**
 * Whether a `Host` header names a machine by address, or as localhost. A name can be made to point anywhere: a web page
 * that points its own name at 127.0.0.1 (DNS rebinding) could otherwise talk to a listener that needs no token.
 */
export function namesAddress(hostHeader: string | undefined): boolean {
  const host = (hostHeader ?? '').replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
  return host.toLowerCase() === 'localhost' || parseAddress(host) !== undefined;
}
