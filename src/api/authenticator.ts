/*
 * Who sent a request: bearer tokens (RFC 6750 §2.1) against the configured ones.
 *
 * Both sides are hashed before they are compared, so that neither the length nor the first wrong byte of a guess shows
 * in the time it takes, and every token is always compared.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { ApiToken } from '../config/sections/api.ts';

export type Role = ApiToken['role'];

/** Who sent a request, known by the token. The name goes into the audit. */
export type Principal = Omit<ApiToken, 'secret'>;

/** Everyone who can connect, where no token is configured. */
export const ANONYMOUS: Principal = { name: 'anonymous', role: 'operator', tenant: undefined };

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
