/*
 * From the listeners of the config to addresses that every worker can bind.
 *
 * Each is bound once, alone, and let go again, before any worker starts. That finds the port of a listener on port 0,
 * which all workers must share; it shows a port that another program has, which SO_REUSEPORT would hide when that
 * program is a Kapkan too, and half the telemetry would silently go there; and it shows whether there is IPv6 at all.
 */
import type { Socket } from 'node:dgram';
import type { Config } from '../config/config.ts';
import type { SocketAddress } from '../config/socketAddress.ts';
import { BindError, type ListenerAddress, openListener, type TelemetryKind } from './udpListener.ts';

/** Answers to binding `::` on a machine whose kernel has no IPv6. */
const NO_IPV6 = ['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'];

/** Rejects with a BindError that names the first address which cannot be had. */
export async function claimListeners(listen: Config['listen']): Promise<ListenerAddress[]> {
  const wanted: { kind: TelemetryKind; address: SocketAddress }[] = [
    ...listen.netflow.map((address) => ({ kind: 'netflow' as const, address })),
    ...listen.sflow.map((address) => ({ kind: 'sflow' as const, address })),
  ];
  const claims: Claim[] = [];
  try {
    for (const { kind, address } of wanted) {
      const { host, port } = address;
      const ipv6Only = host === '::' && port !== 0 && wanted.some((other) => isIpv4On(other.address, port));
      claims.push(await claim({ kind, host, port, ipv6Only }));
    }
  } finally {
    await Promise.all(claims.map(({ socket }) => new Promise<void>((closed) => socket.close(closed))));
  }
  return claims.map(({ address }) => address);
}

/** An address with the socket that holds it until all are claimed, so that no two get the same port. */
interface Claim {
  readonly address: ListenerAddress;
  readonly socket: Socket;
}

/** Beside a listener on an IPv4 address, `::` with the same port can only mean IPv6. */
function isIpv4On(address: SocketAddress, port: number): boolean {
  return address.port === port && !address.host.includes(':');
}

async function claim(address: ListenerAddress): Promise<Claim> {
  try {
    const socket = await openListener(address, { receiveBufferBytes: 0, reusePort: false });
    return { address: { ...address, port: socket.address().port }, socket };
  } catch (error) {
    const withoutIpv6 = error instanceof BindError && NO_IPV6.includes(error.code);
    if (!withoutIpv6 || address.host !== '::') throw error;
    return claim({ ...address, host: '0.0.0.0', ipv6Only: false });
  }
}
