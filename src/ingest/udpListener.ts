/*
 * The UDP sockets that telemetry arrives on: from the listeners of the config to bound sockets, and the datagrams that
 * the kernel dropped.
 */
import dgram from 'node:dgram';
import { readFile } from 'node:fs/promises';
import type { Config } from '../config/config.ts';
import type { SocketAddress } from '../config/socketAddress.ts';
import type { TelemetryKind } from './datagramBatch.ts';

/** Errors of binding `::` on a machine without IPv6. */
const NO_IPV6 = ['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'];

/**
 * Where Linux counts dropped datagrams. In a line, column 1 is ADDRESS:PORT in hexadecimal and the last one the drops.
 */
const KERNEL_TABLES = ['/proc/net/udp', '/proc/net/udp6'];

/** A listener for the workers: an address and port that were free when `probeListeners` bound them. */
export interface ListenerAddress {
  readonly kind: TelemetryKind;
  readonly host: string;
  readonly port: number;
  /** Whether a `::` socket takes IPv6 only, because another listener takes IPv4. */
  readonly ipv6Only: boolean;
}

/** A listener that could not be opened, and why. */
export class BindError extends Error {
  override readonly name = 'BindError';
  readonly host: string;
  readonly port: number;
  /** The system's error code, such as `EADDRINUSE`; empty where there is none. */
  readonly code: string;

  constructor(host: string, port: number, code: string) {
    super(`cannot listen on UDP ${socketText(host, port)}: ${code}${explain(code)}`);
    this.host = host;
    this.port = port;
    this.code = code;
  }
}

/** `192.0.2.1:2055`, `[::]:2055`. */
export function socketText(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function explain(code: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return ' (another program, perhaps another Kapkan, uses this port)';
    case 'EADDRNOTAVAIL':
      return ' (no interface has this address)';
    case 'EACCES':
      return ' (ports below 1024 need CAP_NET_BIND_SERVICE)';
    default:
      return '';
  }
}

/** Binds a socket, or rejects with a BindError. The caller owns it and adds its `message` and `error` handlers. */
export function openListener(address: ListenerAddress, receiveBufferBytes: number): Promise<dgram.Socket> {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket({
      type: address.host.includes(':') ? 'udp6' : 'udp4',
      ipv6Only: address.ipv6Only,
    });
    const fail = (error: NodeJS.ErrnoException): void => {
      socket.close();
      reject(new BindError(address.host, address.port, error.code ?? ''));
    };
    socket.once('error', fail);
    socket.bind({ address: address.host, port: address.port }, () => {
      socket.off('error', fail);
      enlargeReceiveBuffer(socket, receiveBufferBytes);
      resolve(socket);
    });
  });
}

/** Bytes of receive buffer that the kernel granted. Linux reports twice as many, for its own overhead (socket(7)). */
export function grantedReceiveBuffer(socket: dgram.Socket): number {
  const bytes = socket.getRecvBufferSize();
  return process.platform === 'linux' ? bytes / 2 : bytes;
}

/** Where the size is too large, Linux grants its maximum and the BSDs refuse. So it is halved until it is granted. */
function enlargeReceiveBuffer(socket: dgram.Socket, wantedBytes: number): void {
  for (let bytes = wantedBytes; bytes >= 65_536; bytes = Math.floor(bytes / 2)) {
    try {
      socket.setRecvBufferSize(bytes);
      return;
    } catch {
      // Too large. The caller reads and reports the granted size.
    }
  }
}

/**
 * Turns the listeners of the config into addresses that every worker can bind. Rejects with a BindError that names the
 * first address that cannot be bound.
 *
 * Before any worker starts, each address is bound once without SO_REUSEPORT and closed again. This shows
 *   - the port of a listener on port 0, which all workers must share;
 *   - a port that another program uses. SO_REUSEPORT would hide another Kapkan, which would get half the telemetry;
 *   - whether the machine has IPv6.
 */
export async function probeListeners(listen: Config['listen']): Promise<ListenerAddress[]> {
  const wanted: { kind: TelemetryKind; address: SocketAddress }[] = [
    ...listen.netflow.map((address) => ({ kind: 'netflow' as const, address })),
    ...listen.sflow.map((address) => ({ kind: 'sflow' as const, address })),
  ];
  const probes: Probe[] = [];
  try {
    for (const { kind, address } of wanted) {
      const { host, port } = address;
      const ipv6Only = host === '::' && port !== 0 && wanted.some((other) => isIpv4On(other.address, port));
      probes.push(await probe({ kind, host, port, ipv6Only }));
    }
  } finally {
    await Promise.all(probes.map(({ socket }) => new Promise<void>((closed) => socket.close(closed))));
  }
  return probes.map(({ address }) => address);
}

/** An address with its socket, which stays open until all are bound, so that no two get the same port. */
interface Probe {
  readonly address: ListenerAddress;
  readonly socket: dgram.Socket;
}

/** Where another listener has the port on an IPv4 address, `::` with this port is IPv6 only. */
function isIpv4On(address: SocketAddress, port: number): boolean {
  return address.port === port && !address.host.includes(':');
}

async function probe(address: ListenerAddress): Promise<Probe> {
  try {
    const socket = await openListener(address, 0);
    return { address: { ...address, port: socket.address().port }, socket };
  } catch (error) {
    const withoutIpv6 = error instanceof BindError && NO_IPV6.includes(error.code);
    if (!withoutIpv6 || address.host !== '::') throw error;
    return probe({ ...address, host: '0.0.0.0', ipv6Only: false });
  }
}

/**
 * Datagrams that the kernel dropped because a socket's receive buffer was full: of every UDP socket in this network
 * namespace that is bound to one of the ports, since the socket was opened. The program that owns the socket does not
 * see them, but Linux counts them. On other systems the result is 0.
 */
export async function readKernelDrops(ports: readonly number[]): Promise<number> {
  let drops = 0;
  for (const table of KERNEL_TABLES) {
    const text = await readFile(table, 'latin1').catch(() => '');
    drops += countKernelDrops(text, ports);
  }
  return drops;
}

/** The drops in the text of one of the tables. Lines that cannot be read are skipped. */
export function countKernelDrops(table: string, ports: readonly number[]): number {
  let drops = 0;
  for (const line of table.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    if (columns.length < 3) continue;
    const port = Number.parseInt(columns[1].slice(columns[1].lastIndexOf(':') + 1), 16);
    const count = Number(columns[columns.length - 1]);
    if (ports.includes(port) && Number.isSafeInteger(count)) drops += count;
  }
  return drops;
}
