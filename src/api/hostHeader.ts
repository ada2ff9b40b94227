/*
 * The `Host` header of a request to a listener that asks for no token.
 */
import { parseAddress } from '../net/address.ts';

/**
 * Whether a `Host` header names a machine by address, or as localhost. A name can be made to point anywhere: a web page
 * that points its own name at 127.0.0.1 (DNS rebinding) could otherwise talk to a listener that asks for no token.
 */
export function namesAddress(hostHeader: string | undefined): boolean {
  const host = (hostHeader ?? '').replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
  return host.toLowerCase() === 'localhost' || parseAddress(host) !== undefined;
}
