/*
 * Turns the listeners of the config into addresses that every worker can bind.
 *
 * Before any worker starts, each address is bound once without SO_REUSEPORT and closed again. This shows
 *   - the port of a listener on port 0, which all workers must share;
 *   - a port that another program uses. SO_REUSEPORT would hide another Kapkan, which would get half the telemetry;
 *   - whether the machine has IPv6.
 */
import type { Socket } from 'node:dgram';
import type { Config } from '../config/config.ts';
import type { SocketAddress } from '../config/socketAddress.ts';
import { BindError, type ListenerAddress, openListener, type TelemetryKind } from './udpListener.ts';

/** Errors of binding `::` on a machine without IPv6. */
const NO_IPV6 = ['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'];

/** Rejects with a BindError that names the first address that cannot be bound. */
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
  readonly socket: Socket;
}

/** Where another listener has the port on an IPv4 address, `::` with this port is IPv6 only. */
function isIpv4On(address: SocketAddress, port: number): boolean {
  return address.port === port && !address.host.includes(':');
}

async function probe(address: ListenerAddress): Promise<Probe> {
  try {
    const socket = await openListener(address, { receiveBufferBytes: 0, reusePort: false });
    return { address: { ...address, port: socket.address().port }, socket };
  } catch (error) {
    const withoutIpv6 = error instanceof BindError && NO_IPV6.includes(error.code);
    if (!withoutIpv6 || address.host !== '::') throw error;
    return probe({ ...address, host: '0.0.0.0', ipv6Only: false });
  }
}
