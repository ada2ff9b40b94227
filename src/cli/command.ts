/*
 * What every command shares: what it may use of the process, and the exit codes of the contract.
 */
import type { Clock } from '../clock.ts';

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
