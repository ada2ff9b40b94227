/*
 * One UDP socket that telemetry arrives on: bound, with as large a receive buffer as the kernel grants. With several
 * receiving workers each has a socket of its own on the same address and port (SO_REUSEPORT), and the kernel keeps the
 * datagrams from one source address and port on one of them. So templates and the data they describe meet in one worker
 * as long as the exporter sends both from one port, as exporters do; one that does not needs `ingest.workers: 1`.
 */
import dgram from 'node:dgram';

/** What a listener's datagrams are; NetFlow and IPFIX tell themselves apart by their version field. */
export type TelemetryKind = 'netflow' | 'sflow';

/** A listener as the workers are told it: an address and port that were seen to be free. */
export interface ListenerAddress {
  readonly kind: TelemetryKind;
  readonly host: string;
  readonly port: number;
  /** Whether a `::` socket leaves IPv4 alone, because another listener has it. */
  readonly ipv6Only: boolean;
}

export interface ListenerOptions {
  readonly receiveBufferBytes: number;
  /** Shares the address with the other workers' sockets. */
  readonly reusePort: boolean;
}

/** A listener that could not be opened: which, and why. */
export class BindError extends Error {
  override readonly name = 'BindError';
  readonly host: string;
  readonly port: number;
  /** The system's name for it, `EADDRINUSE`; empty where it gave none. */
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
      return ' (another program, perhaps another Kapkan, has this port)';
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

/** Bytes the kernel really set aside for the socket. Linux answers twice that, for its own bookkeeping (socket(7)). */
export function grantedReceiveBuffer(socket: dgram.Socket): number {
  const bytes = socket.getRecvBufferSize();
  return process.platform === 'linux' ? bytes / 2 : bytes;
}

/** Linux grants what it can of too large a wish, the BSDs refuse it: so the wish is halved until it is granted. */
function enlargeReceiveBuffer(socket: dgram.Socket, wantedBytes: number): void {
  for (let bytes = wantedBytes; bytes >= 65_536; bytes = Math.floor(bytes / 2)) {
    try {
      socket.setRecvBufferSize(bytes);
      return;
    } catch {
      // Refused as too large; the caller reads back and reports what was granted.
    }
  }
}
