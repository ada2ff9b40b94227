/*
 * `kapkan ban` and `kapkan unban`: bans by hand.
 */

import { parseAddress } from '../../net/address.ts';
import type { BanJson } from '../../shapes/banJson.ts';
import { UsageError } from '../usageError.ts';
import { awaitPlacement, isLive } from './awaitPlacement.ts';
import { BAN_OPTIONS, banRequestBody } from './banArguments.ts';
import { banText } from './banText.ts';
import { clientCommand } from './clientCommand.ts';
import { unreachableGobgps } from './unreachableGobgps.ts';

const OPERAND = 'the IP address';

export const banCommand = clientCommand({
  name: 'ban',
  synopsis: 'IP [OPTION…] [MATCH…]',
  help: `Bans an address by hand. The safety rules are the same as for any other ban. It ends by its TTL or by unban.
Live, the command waits until the route was read back from GoBGP. Where GoBGP cannot be reached the exit code is 4; the
ban is kept and announced as soon as it can be.

  --ttl SECONDS     how long, also as 10m, 2h or 1d (default: the group's)
  --method METHOD   blackhole, flowspec or divert (default: flowspec with a MATCH, else the group's)
  --comment TEXT    kept with the ban
  --allow-fallback  where FlowSpec or divert cannot be used, announce a blackhole; without it the ban is refused

MATCH narrows a FlowSpec ban; lists are separated by commas:
  --proto NAME      tcp, udp, icmp, … or a number
  --src PREFIX      source address or prefix
  --src-port PORTS  like 53 or 1024-2047
  --dst-port PORTS
  --tcp-flags FLAGS like syn,!ack
  --fragment        only fragments
  --packet-length N like 1400-1500
  --icmp-type N
  --dscp N
`,
  examples: ['192.0.2.1 --ttl 10m --comment "ticket 4711"', '192.0.2.1 --proto udp --src-port 123'],
  options: BAN_OPTIONS,
  operand: OPERAND,
  request: async (client, ip, flags) => {
    const body = banRequestBody(ip, flags);
    if (typeof body === 'string') throw new UsageError(body);
    const answer = await client.post('api/v1/ban', body);
    if (answer.status !== 200) return answer;
    return { status: 200, body: await awaitPlacement(answer.body as BanJson, client) };
  },
  unreachable: async (client, body) => (isUnplaced(body as BanJson) ? unreachableGobgps(client) : []),
  failed: (body) => isUnplaced(body as BanJson),
  text: (body, nowMs) => banText(body as BanJson, nowMs),
});

/** Whether the ban should be in GoBGP's RIB and was not read back from it. */
function isUnplaced(ban: BanJson): boolean {
  return isLive(ban) && ban.rib?.installed !== true;
}

export const unbanCommand = clientCommand({
  name: 'unban',
  synopsis: 'IP',
  help: 'Ends the active ban of an address.\n',
  examples: ['192.0.2.1'],
  operand: OPERAND,
  request: (client, ip) => {
    if (parseAddress(ip) === undefined) throw new UsageError(`"${ip}" is not an IPv4 or IPv6 address`);
    return client.post('api/v1/unban', { ip });
  },
  text: (body, nowMs) => banText(body as BanJson, nowMs),
});
