/*
 * The commands that talk to a running daemon: status attacks hosts bans peers exporters, and ban unban reload notify-test.
 * Each asks the API once and prints the answer, as text for people or as it came for programs.
 */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import type { NotifyTestView } from '../api/notifyTestEndpoint.ts';
import type { AttackView } from '../api/views/attackView.ts';
import type { BanView } from '../api/views/banView.ts';
import type { ExporterView } from '../api/views/exporterView.ts';
import type { HostView } from '../api/views/hostView.ts';
import type { PeerView } from '../api/views/peerView.ts';
import type { StatusView } from '../api/views/statusView.ts';
import { messageOf } from '../errors.ts';
import { parseAddress } from '../net/address.ts';
import { type ApiAnswer, ApiClient, UnreachableError } from './apiClient.ts';
import { BAN_OPTIONS, banRequestBody } from './banArguments.ts';
import {
  attacksText,
  bansText,
  banText,
  exportersText,
  hostsText,
  notifyTestText,
  peersText,
  statusText,
} from './clientTables.ts';
import { type CommandIo, EXIT_DONE, EXIT_FAILED, EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_USAGE } from './command.ts';
import { printable } from './tableOutput.ts';
import { UsageError, withUsage } from './usageError.ts';

export const CLIENT_COMMANDS = [
  'status',
  'attacks',
  'hosts',
  'bans',
  'peers',
  'exporters',
  'ban',
  'unban',
  'reload',
  'notify-test',
] as const;
export type ClientCommandName = (typeof CLIENT_COMMANDS)[number];

interface ClientCommand {
  /** Behind `kapkan NAME`. */
  readonly synopsis: string;
  /** What it does and its own options, each line as it is printed. */
  readonly help: string;
  readonly options: ParseArgsOptionsConfig;
  /** How many arguments it takes beside options. */
  readonly operands: 0 | 1;
  /** Throws UsageError. */
  request(client: ApiClient, operands: readonly string[], flags: Flags): Promise<ApiAnswer>;
  /** Of an answer of status 200, and of 409, whose body is the same. */
  text(body: unknown): string;
  /** Exit code of a 400: what the operator typed was wrong, unless it is what the daemon reads that was. */
  readonly malformed?: number;
  /** Whether an answer of status 200 says that it did not succeed. */
  readonly failed?: (body: unknown) => boolean;
}

type Flags = { readonly [name: string]: string | boolean | undefined };

const COMMON_OPTIONS = {
  api: { type: 'string' },
  'token-env': { type: 'string' },
  json: { type: 'boolean' },
} as const;

const COMMON_HELP = `
  --api URL         the daemon's API (default http://127.0.0.1:8080)
  --token-env NAME  environment variable with the token (default KAPKAN_TOKEN, where it is set)
  --json            print the API's answer

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by a safety rule, 4 daemon unreachable or starting.
`;

const DEFAULT_API = 'http://127.0.0.1:8080';
const DEFAULT_TOKEN_ENV = 'KAPKAN_TOKEN';

const COMMANDS: Readonly<Record<ClientCommandName, ClientCommand>> = {
  status: reading('status', 'What the running daemon does, protects and is connected to.', (body) =>
    statusText(body as StatusView),
  ),
  attacks: reading('attacks', 'Attacks in progress, and those that ended lately.', (body) =>
    attacksText(body as { active: AttackView[]; recent: AttackView[] }, Date.now()),
  ),
  hosts: {
    synopsis: '[--limit N] [--sort METRIC] [--group NAME]',
    help: `The busiest protected hosts.

  --limit N         at most so many (1 to 10000, default 100)
  --sort METRIC     pps, mbps or flows_per_sec (default pps)
  --group NAME      only hosts of this hostgroup
`,
    options: { limit: { type: 'string' }, sort: { type: 'string' }, group: { type: 'string' } },
    operands: 0,
    request: (client, _operands, { limit, sort, group }) => {
      const asked = Object.entries({ limit, sort, group }).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, String(value)]],
      );
      return client.get(`api/v1/hosts?${new URLSearchParams(asked)}`);
    },
    text: (body) => hostsText(body as { hosts: HostView[] }),
  },
  bans: reading('bans', 'Bans, active and past, and where their routes are.', (body) =>
    bansText(body as { bans: BanView[] }, Date.now()),
  ),
  peers: reading('peers', "GoBGP's neighbours.", (body) => peersText(body as { peers: PeerView[] })),
  exporters: reading('exporters', 'Who sends telemetry, and what of it cannot be read.', (body) =>
    exportersText(body as { exporters: ExporterView[] }, Date.now()),
  ),
  ban: {
    synopsis: 'IP [--ttl SECONDS] [--method METHOD] [--comment TEXT] [MATCH…]',
    help: `Bans an address by hand, through the same safety rules as any ban. It ends by its TTL or by unban.

  --ttl SECONDS     how long, also as 10m, 2h or 1d (default: the group's)
  --method METHOD   blackhole, flowspec or divert (default: flowspec with a MATCH, else the group's)
  --comment TEXT    kept with the ban

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
    options: BAN_OPTIONS,
    operands: 1,
    request: (client, [ip], flags) => {
      const body = banRequestBody(ip, flags);
      if (typeof body === 'string') throw new UsageError(body);
      return client.post('api/v1/ban', body);
    },
    text: (body) => banText(body as BanView),
  },
  unban: {
    synopsis: 'IP',
    help: 'Ends the active ban of an address.\n',
    options: {},
    operands: 1,
    request: (client, [ip]) => {
      if (parseAddress(ip) === undefined) throw new UsageError(`"${ip}" is not an IPv4 or IPv6 address`);
      return client.post('api/v1/unban', { ip });
    },
    text: (body) => banText(body as BanView),
  },
  reload: {
    synopsis: '',
    help: 'Makes the daemon read its config file again and apply it, all or nothing.\n',
    options: {},
    operands: 0,
    request: (client) => client.post('api/v1/config/reload', {}),
    text: (body) => `Reloaded, ${(body as { dry_run: boolean }).dry_run ? 'dry-run' : 'live'}.\n`,
    malformed: EXIT_FAILED,
  },
  'notify-test': {
    synopsis: '',
    help: 'Sends a test notification through every channel, each tried once. Exit code 1 where one did not arrive.\n',
    options: {},
    operands: 0,
    request: (client) => client.post('api/v1/notify/test', {}),
    text: (body) => notifyTestText(body as NotifyTestView),
    failed: (body) => {
      const { results } = body as NotifyTestView;
      return results.length === 0 || results.some(({ delivered }) => !delivered);
    },
  },
};

/** Runs one of the commands; the exit code is the contract's. */
export async function clientCommand(name: ClientCommandName, args: readonly string[], io: CommandIo): Promise<number> {
  const command = COMMANDS[name];
  const usage = `Usage: kapkan ${[name, command.synopsis, '[--json]'].filter((part) => part !== '').join(' ')}\n\n${command.help}${COMMON_HELP}`;
  return withUsage(usage, args, io, async () => {
    const options = { ...COMMON_OPTIONS, ...command.options };
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const flags = values as Flags;
    if (positionals.length !== command.operands) {
      throw new UsageError(command.operands === 1 ? 'exactly one address is needed' : `unexpected "${positionals[0]}"`);
    }
    const client = clientOf(flags, io.env);
    try {
      const answer = await command.request(client, positionals, flags);
      return report(command, answer, flags.json === true, io);
    } catch (error) {
      if (error instanceof UsageError) throw error;
      io.stderr.write(`kapkan: ${printable(messageOf(error))}\n`);
      return error instanceof UnreachableError ? EXIT_UNREACHABLE : EXIT_FAILED;
    }
  });
}

function reading(name: string, summary: string, text: ClientCommand['text']): ClientCommand {
  return {
    synopsis: '',
    help: `${summary}\n`,
    options: {},
    operands: 0,
    request: (client) => client.get(`api/v1/${name}`),
    text,
  };
}

function clientOf({ api, 'token-env': tokenEnv }: Flags, env: NodeJS.ProcessEnv): ApiClient {
  const text = String(api ?? DEFAULT_API);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new UsageError(`--api must be an http or https URL, got "${text}"`);
  }
  const name = String(tokenEnv ?? DEFAULT_TOKEN_ENV);
  const token = env[name] ?? '';
  if (token === '' && tokenEnv !== undefined) throw new UsageError(`--token-env names ${name}, which is not set`);
  if (!/^[\x21-\x7e]*$/.test(token))
    throw new UsageError(`${name} does not hold a token: it has blanks or other characters`);
  return new ApiClient(url, token === '' ? undefined : token);
}

/** Results go to stdout, also a refused ban for programs; what went wrong goes to stderr. */
function report(command: ClientCommand, { status, body }: ApiAnswer, json: boolean, io: CommandIo): number {
  if (status === 200) {
    io.stdout.write(json ? `${JSON.stringify(body, null, 2)}\n` : command.text(body));
    return command.failed?.(body) === true ? EXIT_FAILED : EXIT_DONE;
  }
  if (status === 409 && json) io.stdout.write(`${JSON.stringify(body, null, 2)}\n`);
  for (const problem of problemsOf(status, body)) io.stderr.write(`kapkan: ${printable(problem)}\n`);
  switch (status) {
    case 400:
      return command.malformed ?? EXIT_USAGE;
    case 409:
      return EXIT_REFUSED;
    case 503:
      return EXIT_UNREACHABLE;
    default:
      return EXIT_FAILED;
  }
}

/** What an error answer says, line by line. */
function problemsOf(status: number, body: unknown): string[] {
  const { error, errors } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  if (Array.isArray(errors) && errors.length > 0) return errors.map(String);
  if (status === 401) return [`${String(error)}; name the variable that holds it with --token-env`];
  if (status === 409) return [`refused: ${String(error)}`];
  return [error === undefined ? `the API answered ${status}` : String(error)];
}
