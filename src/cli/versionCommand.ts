/*
 * `kapkan version`.
 */
import { parseArgs } from 'node:util';
import { VERSION } from '../version.ts';
import { type CommandIo, EXIT_DONE, withUsage } from './command.ts';

const USAGE = `Usage: kapkan version

Prints the version.

Example:
  kapkan version
`;

export async function versionCommand(args: readonly string[], io: CommandIo): Promise<number> {
  return withUsage(USAGE, args, io, async () => {
    parseArgs({ args: [...args], options: {} });
    io.stdout.write(`${VERSION}\n`);
    return EXIT_DONE;
  });
}
