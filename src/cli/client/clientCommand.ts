/*
 * What all commands that use the running daemon share: one request to the API, and its answer printed as text for
 * people or unchanged for programs. One file of this folder holds the commands about one thing, with what they print.
 */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { messageOf } from '../../errors.ts';
import { replaceUnprintable } from '../../unprintable.ts';
import {
  type Command,
  type CommandIo,
  EXIT_DONE,
  EXIT_FAILED,
  EXIT_REFUSED,
  EXIT_UNREACHABLE,
  EXIT_USAGE,
  onlyOperand,
  UsageError,
  withUsage,
} from '../command.ts';
import {
  type ApiAnswer,
  type ApiClient,
  apiClientOf,
  DEFAULT_API,
  DEFAULT_TOKEN_ENV,
  UnreachableError,
} from './apiClient.ts';

export type Flags = { readonly [name: string]: string | boolean | undefined };

export interface ClientCommand {
  readonly name: string;
  /** What follows the name in the usage, without the options that every command here has. */
  readonly synopsis: string;
  /** What it does and its own options, each line as it is printed. */
  readonly help: string;
  /** What follows `kapkan NAME` in the examples, one line each. */
  readonly examples: readonly string[];
  readonly options?: ParseArgsOptionsConfig;
  /** The one argument that it takes beside options, as a message calls it. */
  readonly operand?: string;
  /** Throws UsageError. `operand` is empty where the command takes none. */
  request(client: ApiClient, operand: string, flags: Flags): Promise<ApiAnswer>;
  /** The GoBGPs that the daemon cannot reach, each in words; for commands whose answer depends on them. */
  readonly unreachable?: (client: ApiClient, body: unknown) => Promise<readonly string[]>;
  /** Of an answer of status 200. `nowMs` is wall-clock time, to say how long ago something was. */
  text(body: unknown, nowMs: number, unreachable: readonly string[]): string;
  /** Exit code of a 400: wrong usage, unless the fault is in a file that the daemon reads. */
  readonly malformed?: number;
  /** Whether an answer of status 200 says that it did not succeed. */
  readonly failed?: (body: unknown) => boolean;
}

const COMMON_OPTIONS = {
  api: { type: 'string' },
  'token-env': { type: 'string' },
  json: { type: 'boolean' },
} as const;

const COMMON_HELP = `
  --api URL         the daemon's API (default ${DEFAULT_API})
  --token-env NAME  environment variable that holds the token (default ${DEFAULT_TOKEN_ENV}, if it is set)
  --json            print the API's answer as JSON
`;

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by a safety rule, 4 the daemon or GoBGP cannot be reached.
`;

/** The command's function; its exit code is the contract's. */
export function clientCommand(command: ClientCommand): Command {
  const usage = usageOf(command);
  return (args, io) =>
    withUsage(usage, args, io, async () => {
      const options = { ...COMMON_OPTIONS, ...command.options };
      const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
      const flags: Flags = values;
      const operand = operandOf(command, positionals);
      const client = apiClientOf({ api: flags.api, tokenEnv: flags['token-env'] }, io.env);
      try {
        const answer = await command.request(client, operand, flags);
        const unreachable = answer.status === 200 ? await command.unreachable?.(client, answer.body) : undefined;
        return report(command, answer, unreachable ?? [], flags.json === true, io);
      } catch (error) {
        if (error instanceof UsageError) throw error;
        io.stderr.write(`kapkan: ${replaceUnprintable(messageOf(error))}\n`);
        return error instanceof UnreachableError ? EXIT_UNREACHABLE : EXIT_FAILED;
      }
    });
}

/** A command that only reads, from the endpoint of its own name. */
export function readingCommand(command: Pick<ClientCommand, 'name' | 'help' | 'text' | 'unreachable'>): Command {
  return clientCommand({
    synopsis: '',
    examples: ['', '--json'],
    request: (client) => client.get(`api/v1/${command.name}`),
    ...command,
  });
}

function usageOf({ name, synopsis, help, examples }: ClientCommand): string {
  const line = (words: string): string => `kapkan ${name} ${words}`.trimEnd();
  const shown = examples.map((words) => `  ${line(words)}\n`).join('');
  return (
    `Usage: ${line(synopsis)} [--json] [--api URL] [--token-env NAME]\n\n${help}${COMMON_HELP}\n` +
    `Example${examples.length === 1 ? '' : 's'}:\n${shown}${EXIT_CODES}`
  );
}

function operandOf({ operand }: ClientCommand, given: readonly string[]): string {
  if (operand !== undefined) return onlyOperand(operand, given);
  if (given.length > 0) throw new UsageError(`unexpected "${given[0]}"`);
  return '';
}

/** Results go to stdout, also a refused ban for programs; what went wrong goes to stderr. */
function report(
  command: ClientCommand,
  { status, body }: ApiAnswer,
  unreachable: readonly string[],
  json: boolean,
  io: CommandIo,
): number {
  if (status === 200) {
    io.stdout.write(json ? `${JSON.stringify(body, null, 2)}\n` : command.text(body, io.clock.now(), unreachable));
    for (const problem of unreachable) io.stderr.write(`kapkan: ${replaceUnprintable(problem)}\n`);
    if (unreachable.length > 0) return EXIT_UNREACHABLE;
    return command.failed?.(body) === true ? EXIT_FAILED : EXIT_DONE;
  }
  if (status === 409 && json) io.stdout.write(`${JSON.stringify(body, null, 2)}\n`);
  for (const problem of problemsOf(status, body)) io.stderr.write(`kapkan: ${replaceUnprintable(problem)}\n`);
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
  if (status === 401) return [`${String(error)}; --token-env names the environment variable that holds it`];
  if (status === 409) return [`refused: ${String(error)}`];
  return [error === undefined ? `the API answered ${status}` : String(error)];
}
