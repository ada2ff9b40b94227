/*
 * Which hosts only this machine can reach.
 */
import { parseAddress } from './address.ts';

/** Whether a host, as an IP address or by the name `localhost`, is this machine's loopback interface. Never throws. */
export function isLoopback(host: string): boolean {
  const address = parseAddress(host);
  if (address === undefined) return host.toLowerCase() === 'localhost';
  if (address.version === 4) return address.word3 >>> 24 === 127;
  return address.word0 === 0 && address.word1 === 0 && address.word2 === 0 && address.word3 === 1;
}
