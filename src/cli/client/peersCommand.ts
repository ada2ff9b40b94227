/*
 * `kapkan peers`: GoBGP's neighbours. A GoBGP that cannot be reached is an error here and not an empty list.
 */
import type { PeerJson } from '../../shapes/peerJson.ts';
import { formatDuration, formatTable } from '../terminalOutput.ts';
import { readingCommand } from './clientCommand.ts';
import { unreachableGobgps } from './statusCommand.ts';

export const peersCommand = readingCommand({
  name: 'peers',
  help: `Lists the neighbours of GoBGP, their sessions, and how many of Kapkan's routes each was sent. The exit code is 4
where GoBGP cannot be reached.
`,
  unreachable: unreachableGobgps,
  text: (body, _nowMs, unreachable) => peersText(body as { peers: PeerJson[] }, unreachable.length === 0),
});

function peersText({ peers }: { peers: PeerJson[] }, isComplete: boolean): string {
  if (peers.length === 0) return isComplete ? 'GoBGP has no neighbours: no router gets a route.\n' : '';
  const columns = [
    { title: 'PEER' },
    { title: 'ASN', align: 'right' },
    { title: 'STATE' },
    { title: 'UP' },
    { title: 'ROUTES SENT', align: 'right' },
    { title: 'FAMILIES' },
    { title: 'GOBGP' },
    { title: 'NOTE' },
  ] as const;
  const rows = peers.map((peer) => [
    peer.address,
    String(peer.asn),
    peer.state,
    peer.state === 'established' ? formatDuration(peer.uptime_seconds) : '',
    String(Object.values(peer.advertised).reduce((sum, count) => sum + count, 0)),
    peer.families.join(' '),
    peer.gobgp,
    peer.route_server_client ? 'route-server client: never gets our routes' : '',
  ]);
  return formatTable(columns, rows);
}
