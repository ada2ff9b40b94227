/*
 * Addresses of sockets in the config: `HOST:PORT` of those that Kapkan opens, where HOST is an IP address in canonical
 * form and a bare `:PORT` is `::`, which takes IPv4 and IPv6 alike; and the gRPC address of a GoBGP daemon.
 */
import { formatAddress, parseAddress } from '../net/address.ts';

/** `host` as written, `0.0.0.0` or `::` for any; a bare `:PORT` listens on `::` for both families. */
export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

export const SOCKET_ADDRESS_FORMS = '"HOST:PORT", ":PORT" or "[IPv6]:PORT"';

/** Reads a socket address. Returns a message where the text is wrong. With port 0 the kernel chooses the port. */
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

/**
 * Whether two sockets of one protocol cannot both be bound: the same address, or one that takes all includes the other.
 */
export function socketsCollide(a: SocketAddress, b: SocketAddress): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  return a.host === b.host || takesAll(a.host, b.host) || takesAll(b.host, a.host);
}

function takesAll(wildcard: string, host: string): boolean {
  return wildcard === '::' || (wildcard === '0.0.0.0' && !host.includes(':'));
}

export const GOBGP_ADDRESS_FORMS = '"host:port", "[IPv6]:port" or "unix:/path"';

/**
 * Where a GoBGP daemon serves its gRPC interface: `host:port`, where the host may be a name, or `unix:/path`. An
 * object, so that an address and a message cannot be mistaken for each other.
 */
export interface GobgpAddress {
  /** As gRPC dials it. */
  readonly target: string;
}

/** Reads the address of a GoBGP daemon. Returns a message where the text is wrong. */
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
