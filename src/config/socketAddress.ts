/*
 * `HOST:PORT` of the sockets that Kapkan opens. HOST is an IP address in canonical form; a bare `:PORT` is `::`, which
 * takes IPv4 and IPv6 alike.
 */
import { formatAddress, parseAddress } from '../net/address.ts';

/** `host` as written, `0.0.0.0` or `::` for any; a bare `:PORT` listens on `::` for both families. */
export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

export const SOCKET_ADDRESS_FORMS = '"HOST:PORT", ":PORT" or "[IPv6]:PORT"';

/** Reads a socket address; what is wrong with the text comes back as a message. Port 0 leaves the choice to the kernel. */
export function parseSocketAddress(text: string): SocketAddress | string {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (match === null) return `must be ${SOCKET_ADDRESS_FORMS}, got "${text}"`;
  const [, bracketed, plain, portText] = match;
  const port = Number(portText);
  if (port > 65535) return `must have a port from 0 to 65535, got "${text}"`;
  if (plain === '') return { host: '::', port };
  if (plain === 'localhost') return { host: '127.0.0.1', port };
  const address = parseAddress(bracketed ?? plain);
  if (address === undefined || (bracketed !== undefined && !bracketed.includes(':'))) {
    return `must be ${SOCKET_ADDRESS_FORMS} where HOST is an IP address or localhost, got "${text}"`;
  }
  return { host: formatAddress(address), port };
}

export function formatSocketAddress({ host, port }: SocketAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether two sockets of one protocol cannot both be bound: the same address, or one that takes all includes the other. */
export function socketsCollide(a: SocketAddress, b: SocketAddress): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  return a.host === b.host || takesAll(a.host, b.host) || takesAll(b.host, a.host);
}

function takesAll(wildcard: string, host: string): boolean {
  return wildcard === '::' || (wildcard === '0.0.0.0' && !host.includes(':'));
}
