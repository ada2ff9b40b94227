/*
 * Which hosts can be reached from this machine only.
 */
import { parseAddress } from '../net/address.ts';

/** Whether a listener on this host can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  const address = parseAddress(host);
  if (address === undefined) return host.toLowerCase() === 'localhost';
  if (address.version === 4) return address.word3 >>> 24 === 127;
  return address.word0 === 0 && address.word1 === 0 && address.word2 === 0 && address.word3 === 1;
}

/**
 * Whether a `Host` header names a machine by address, or as localhost. A name can be made to point anywhere: a web page
 * that points its own name at 127.0.0.1 (DNS rebinding) could otherwise talk to a listener that asks for no token.
 */
export function namesAddress(hostHeader: string | undefined): boolean {
  const host = (hostHeader ?? '').replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
  return host.toLowerCase() === 'localhost' || parseAddress(host) !== undefined;
}
