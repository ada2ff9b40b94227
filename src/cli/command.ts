/*
 * What every command shares: what it may use of the process, the exit codes of the contract, `--help`, and messages
 * about wrong usage.
 */
import type { Clock } from '../clock.ts';
import { closestKey } from '../config/closestKey.ts';
import { messageOf } from '../errors.ts';
import { replaceUnprintable } from '../unprintable.ts';

/** What a command may use of the process; tests hand in their own. */
export interface CommandIo {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
}

export const EXIT_DONE = 0;
/** Failed, or what was checked is invalid. */
export const EXIT_FAILED = 1;
/** Wrong usage: an unknown option, a missing argument. */
export const EXIT_USAGE = 2;
/** `ban`: refused by a safety rule. */
export const EXIT_REFUSED = 3;
/** The daemon or GoBGP cannot be reached. */
export const EXIT_UNREACHABLE = 4;

/** A command: takes its arguments without its own name, resolves to the exit code. */
export type Command = (args: readonly string[], io: CommandIo) => Promise<number>;

/** What is wrong with the arguments, for the person who typed them. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Runs a command's body. `usage` begins with the line `Usage: kapkan NAME …`. `--help` prints it; a UsageError, or an
 * error of `parseArgs`, is wrong usage. Other errors pass.
 */
export async function withUsage(
  usage: string,
  args: readonly string[],
  io: CommandIo,
  body: () => Promise<number>,
): Promise<number> {
  if (asksForHelp(args)) {
    io.stdout.write(usage);
    return EXIT_DONE;
  }
  try {
    return await body();
  } catch (error) {
    const problem = usageProblem(error, usage);
    if (problem === undefined) throw error;
    const [synopsis] = usage.split('\n', 1);
    const [, name] = /^Usage: (kapkan \S+)/.exec(synopsis) ?? [];
    io.stderr.write(`${synopsis}\n"${name} --help" says more.\nkapkan: ${replaceUnprintable(problem)}\n`);
    return EXIT_USAGE;
  }
}

/** What follows `--` is no option. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const options = end < 0 ? args : args.slice(0, end);
  return options.includes('--help') || options.includes('-h');
}

/** Reads a number given to an option, within limits that the message names. */
export function numberFlag(
  flag: string,
  text: string,
  limits: { readonly min: number; readonly max: number; readonly whole: boolean },
): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  const fits = value >= limits.min && value <= limits.max && (!limits.whole || Number.isInteger(value));
  if (!fits) {
    const kind = limits.whole ? 'a whole number' : 'a number';
    throw new UsageError(`${flag} must be ${kind} from ${limits.min} to ${limits.max}, got "${text}"`);
  }
  return value;
}

/** Reads one of the words that an option allows. */
export function oneOf<T extends string>(flag: string, text: string, allowed: readonly T[]): T {
  const value = allowed.find((name) => name === text);
  if (value === undefined) throw new UsageError(`${flag} must be one of ${allowed.join(', ')}, got "${text}"`);
  return value;
}

/** The one argument of a command beside its options; `what` names it. */
export function onlyOperand(what: string, given: readonly string[]): string {
  if (given.length === 0) throw new UsageError(`${what} is missing`);
  if (given.length > 1) throw new UsageError(`unexpected "${given[1]}"`);
  return given[0];
}

/** Undefined for what is no wrong usage. */
function usageProblem(error: unknown, usage: string): string | undefined {
  if (error instanceof UsageError) return error.message;
  if (!(error instanceof TypeError) || !('code' in error)) return undefined;
  const message = messageOf(error);
  const quoted = /'(.*?)(?: <value>)?'/s.exec(message)?.[1] ?? '';
  // Of an option with a short form, Node names both: "-c, --config".
  const option = quoted.replace(/^-\w, /, '');
  switch (error.code) {
    case 'ERR_PARSE_ARGS_UNKNOWN_OPTION':
      return `there is no option ${option}${suggestion(option, usage)}`;
    case 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL':
      return `unexpected "${quoted}"`;
    case 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE':
      if (message.includes('does not take')) return `${option} takes no value`;
      return message.includes('ambiguous')
        ? `${option} needs a value; one that begins with a dash is written ${option}=VALUE`
        : `${option} needs a value`;
    default:
      return String(error.code).startsWith('ERR_PARSE_ARGS') ? message : undefined;
  }
}

function suggestion(option: string, usage: string): string {
  const known = new Set(usage.match(/--[a-z][a-z-]*/g));
  const closest = closestKey(option, [...known]);
  return closest === undefined ? '' : `; did you mean ${closest}?`;
}
