/*
 * `kapkan ban` and `kapkan unban`: bans by hand.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseFlowspecMatch } from '../../mitigation/parseFlowspecMatch.ts';
import { parseAddress } from '../../net/address.ts';
import type { BanJson } from '../../shapes/banJson.ts';
import { UsageError } from '../command.ts';
import { parseDuration } from '../terminalOutput.ts';
import type { ApiClient } from './apiClient.ts';
import { banText } from './bansCommand.ts';
import { clientCommand } from './clientCommand.ts';
import { isEveryGobgpUnreachable, unreachableGobgps } from './statusCommand.ts';

const OPERAND = 'the IP address';

/** GoBGP confirms within 20 ms; its own deadline is 5 s unless the config says otherwise. */
const LONGEST_WAIT_MS = 6000;

/** How long to wait for the peers after the route is in the RIB. */
const PEERS_WAIT_MS = 1000;

const POLL_MS = 100;

const BAN_OPTIONS = {
  ttl: { type: 'string' },
  method: { type: 'string' },
  comment: { type: 'string' },
  'allow-fallback': { type: 'boolean' },
  proto: { type: 'string' },
  src: { type: 'string' },
  'src-port': { type: 'string' },
  'dst-port': { type: 'string' },
  'tcp-flags': { type: 'string' },
  fragment: { type: 'boolean' },
  'packet-length': { type: 'string' },
  'icmp-type': { type: 'string' },
  dscp: { type: 'string' },
} as const;

/** The options that match traffic. In the API's `match` they have the same names with underscores. */
const MATCH_OPTIONS = [
  'proto',
  'src',
  'src-port',
  'dst-port',
  'tcp-flags',
  'fragment',
  'packet-length',
  'icmp-type',
  'dscp',
] as const;

const METHODS = ['blackhole', 'flowspec', 'divert'];

type BanFlags = { readonly [flag in keyof typeof BAN_OPTIONS]?: string | boolean };

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

/**
 * Waits until the routes of a new ban were read back from GoBGP's RIB and sent to peers. Returns the ban as it is then.
 * Does not wait where it is known that the route cannot be announced now.
 */
async function awaitPlacement(made: BanJson, client: ApiClient): Promise<BanJson> {
  let ban = made;
  let installedAt: number | undefined;
  const startedAt = performance.now();
  while (isLive(ban) && performance.now() - startedAt < LONGEST_WAIT_MS) {
    if (ban.rib?.installed === true) {
      installedAt ??= performance.now();
      if (isAudienceKnown(ban) || performance.now() - installedAt > PEERS_WAIT_MS) return ban;
    } else if (ban.rib?.held_back !== undefined || (await isEveryGobgpUnreachable(client))) {
      return ban;
    }
    await sleep(POLL_MS);
    const { status, body } = await client.get('api/v1/bans');
    if (status !== 200) return ban;
    ban = (body as { bans: BanJson[] }).bans.find(({ id }) => id === made.id) ?? ban;
  }
  return ban;
}

/** Whether the ban has routes that should be in GoBGP. */
function isLive({ dry_run, state, route }: BanJson): boolean {
  return !dry_run && state === 'active' && route !== undefined;
}

/** Whether it is known which peers the route was sent to. A token with a tenant does not see it. */
function isAudienceKnown({ rib }: BanJson): boolean {
  if (rib?.advertised_to === undefined) return true;
  return rib.advertised_to.length > 0 || (rib.not_advertised_to ?? []).length > 0;
}

/**
 * The arguments of `kapkan ban` as the body of the request, or what is wrong with them. What can be checked without the
 * daemon is checked here, with the daemon's own rules, so that a mistake is a usage error and not a refused request.
 */
function banRequestBody(ip: string, flags: BanFlags): Record<string, unknown> | string {
  const target = parseAddress(ip);
  if (target === undefined) return `"${ip}" is not an IPv4 or IPv6 address`;
  const body: Record<string, unknown> = { ip };
  if (flags.ttl !== undefined) {
    body.ttl_seconds = parseDuration(String(flags.ttl));
    if (body.ttl_seconds === undefined) return '--ttl must be a number of seconds, or one with s, m, h or d behind it';
  }
  if (flags.method !== undefined) {
    if (!METHODS.includes(String(flags.method))) return `--method must be one of ${METHODS.join(', ')}`;
    body.method = flags.method;
  }
  if (flags.comment !== undefined) body.comment = flags.comment;
  if (flags['allow-fallback'] === true) body.allow_fallback = true;

  const given = MATCH_OPTIONS.filter((option) => flags[option] !== undefined);
  if (given.length === 0) return body;
  if (body.method !== undefined && body.method !== 'flowspec') return `--${given[0]} only goes with --method flowspec`;
  const match = Object.fromEntries(given.map((option) => [option.replace('-', '_'), flags[option]]));
  const parsed = parseFlowspecMatch(match, target);
  return typeof parsed === 'string' ? parsed : { ...body, match };
}
