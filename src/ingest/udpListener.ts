/*
 * A bound UDP socket for telemetry, with as large a receive buffer as the kernel grants. With several receiving workers
 * each has its own socket on the same address and port (SO_REUSEPORT), and the kernel sends all datagrams from one source
 * address and port to the same socket. So templates and their data reach the same worker, as long as the exporter sends
 * both from one port. Nearly all exporters do; one that does not needs `ingest.workers: 1`.
 */
import dgram from 'node:dgram';

/** The datagrams of a listener. NetFlow and IPFIX share a listener: their version field tells which is which. */
export type TelemetryKind = 'netflow' | 'sflow';

/** A listener for the workers: an address and port that were free when `probeListeners` bound them. */
export interface ListenerAddress {
  readonly kind: TelemetryKind;
  readonly host: string;
  readonly port: number;
  /** Whether a `::` socket takes IPv6 only, because another listener takes IPv4. */
  readonly ipv6Only: boolean;
}

export interface ListenerOptions {
  readonly receiveBufferBytes: number;
  /** Whether the address is shared with the sockets of other workers. */
  readonly reusePort: boolean;
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
export function openListener(address: ListenerAddress, options: ListenerOptions): Promise<dgram.Socket> {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket({
      type: address.host.includes(':') ? 'udp6' : 'udp4',
      ipv6Only: address.ipv6Only,
      reusePort: options.reusePort,
    });
    const fail = (error: NodeJS.ErrnoException): void => {
      socket.close();
      reject(new BindError(address.host, address.port, error.code ?? ''));
    };
    socket.once('error', fail);
    socket.bind({ address: address.host, port: address.port }, () => {
      socket.off('error', fail);
      enlargeReceiveBuffer(socket, options.receiveBufferBytes);
      resolve(socket);
    });
  });
}

/** Bytes of receive buffer that the kernel granted. Linux reports twice that, for its own overhead (socket(7)). */
export function grantedReceiveBuffer(socket: dgram.Socket): number {
  const bytes = socket.getRecvBufferSize();
  return process.platform === 'linux' ? bytes / 2 : bytes;
}

/** Where the size is too large, Linux grants its maximum and the BSDs refuse: so it is halved until it is granted. */
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
