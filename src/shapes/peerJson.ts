/*
 * A BGP neighbour of a GoBGP daemon in JSON.
 */
import { z } from 'zod';
import type { Peer } from '../gobgp/peer.ts';

export const peerSchema = z
  .object({
    address: z.string(),
    asn: z.number().int(),
    state: z.string(),
    uptime_seconds: z.number().describe('of the session; 0 unless established'),
    families: z.array(z.string()).describe('carried by the session, not only configured'),
    route_server_client: z.boolean().describe('such a neighbour never gets routes that were injected over the API'),
    advertised: z.record(z.string(), z.number().int()).describe("Kapkan's routes sent to it, by family"),
    gobgp: z.string().describe('address of the GoBGP whose neighbour it is'),
  })
  .meta({ id: 'Peer' });

export type PeerJson = z.infer<typeof peerSchema>;

export function peerJson(peer: Peer): PeerJson {
  return {
    address: peer.address,
    asn: peer.asn,
    state: peer.state,
    uptime_seconds: peer.uptimeSeconds,
    families: [...peer.families],
    route_server_client: peer.routeServerClient,
    advertised: { ...peer.advertised },
    gobgp: peer.daemon,
  };
}
