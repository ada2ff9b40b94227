/*
 * `kapkan check-config FILE`: the daemon's own validation, without the daemon and without a network.
 */
import { parseArgs } from 'node:util';
import { loadConfig } from '../config/load.ts';
import { configSummary } from '../config/summary.ts';
import { ConfigError, formatConfigProblem, messageOf } from '../errors.ts';
import { type CommandIo, EXIT_DONE, EXIT_FAILED, EXIT_USAGE } from './command.ts';

const USAGE = `usage: kapkan check-config FILE

Checks a configuration file and prints what it means with everything inherited filled in.
Environment variables that the file names must be set. Exit 0: valid, 1: not, 2: wrong usage.
`;

export async function checkConfigCommand(args: readonly string[], io: CommandIo): Promise<number> {
  let parsed: { positionals: string[]; values: { help?: boolean } };
  try {
    const options = { help: { type: 'boolean', short: 'h' } } as const;
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    io.stderr.write(`${messageOf(error)}\n${USAGE}`);
    return EXIT_USAGE;
  }
  if (parsed.values.help === true) {
    io.stdout.write(USAGE);
    return EXIT_DONE;
  }
  if (parsed.positionals.length !== 1) {
    io.stderr.write(USAGE);
    return EXIT_USAGE;
  }
  try {
    io.stdout.write(configSummary(loadConfig(parsed.positionals[0], io.env)));
    return EXIT_DONE;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) io.stderr.write(`${formatConfigProblem(problem)}\n`);
    io.stderr.write(`${error.problems.length} problem${error.problems.length === 1 ? '' : 's'} found\n`);
    return EXIT_FAILED;
  }
}
