/*
 * Where a GoBGP daemon serves its gRPC interface: `host:port`, where the host may be a name, or `unix:/path`.
 */
import { formatAddress, parseAddress } from '../net/address.ts';

export const GOBGP_ADDRESS_FORMS = '"host:port", "[IPv6]:port" or "unix:/path"';

/** A wrapper, so that an address and a message cannot be mistaken for each other. */
export interface GobgpAddress {
  /** As gRPC dials it. */
  readonly target: string;
}

/** Reads an address; what is wrong with the text comes back as a message. */
export function parseGobgpAddress(text: string): GobgpAddress | string {
  const wrong = `must be ${GOBGP_ADDRESS_FORMS}, got "${text}"`;
  const socket = /^unix:(?:\/\/)?(\/[^\s]+)$/.exec(text);
  if (socket !== null) return { target: `unix:${socket[1]}` };
  const match = /^(?:\[([^\]]+)\]|([A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9])):(\d{1,5})$/.exec(text);
  if (match === null) return wrong;
  const [, bracketed, name, portText] = match;
  const port = Number(portText);
  if (port < 1 || port > 65535) return `must have a port from 1 to 65535, got "${text}"`;
  if (bracketed === undefined) {
    // Something like 192.0.2.256 would be looked up as a name.
    if (/^[\d.]+$/.test(name) && parseAddress(name) === undefined) return wrong;
    return { target: `${name}:${port}` };
  }
  const address = parseAddress(bracketed);
  if (address === undefined || !bracketed.includes(':')) return wrong;
  return { target: `[${formatAddress(address)}]:${port}` };
}
