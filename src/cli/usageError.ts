/*
 * Wrong usage of a command, and the frame in which commands are run: help on request, exit code 2 for wrong usage.
 */
import { messageOf } from '../errors.ts';
import { type CommandIo, EXIT_DONE, EXIT_USAGE } from './command.ts';

/** What is wrong with the arguments, for the person who typed them. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Runs a command's body. `--help` prints the usage and succeeds; a UsageError, or one of `parseArgs`, is told on stderr
 * with the usage behind it.
 */
export async function withUsage(
  usage: string,
  args: readonly string[],
  io: CommandIo,
  body: () => Promise<number>,
): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    io.stdout.write(usage);
    return EXIT_DONE;
  }
  try {
    return await body();
  } catch (error) {
    if (!isUsageError(error)) throw error;
    io.stderr.write(`kapkan: ${messageOf(error)}\n\n${usage}`);
    return EXIT_USAGE;
  }
}

/** Reads a number given to a flag, within limits that the message names. */
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

function isUsageError(error: unknown): boolean {
  if (error instanceof UsageError) return true;
  return error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}
