/*
 * `kapkan check-config FILE`: the daemon's own validation, without the daemon and without a network.
 */
import { parseArgs } from 'node:util';
import { loadConfig } from '../config/load.ts';
import { configSummary } from '../config/summary.ts';
import { ConfigError, formatConfigProblem } from '../errors.ts';
import { type CommandIo, EXIT_DONE, EXIT_FAILED } from './command.ts';
import { UsageError, withUsage } from './usageError.ts';

const USAGE = `Usage: kapkan check-config FILE

Checks a config file and prints what it means, with everything inherited filled in. The environment variables that the
file names must be set, as for the daemon. Exit codes: 0 valid, 1 not.
`;

export async function checkConfigCommand(args: readonly string[], io: CommandIo): Promise<number> {
  return withUsage(USAGE, args, io, async () => {
    const { positionals } = parseArgs({ args: [...args], options: {}, allowPositionals: true });
    if (positionals.length !== 1) throw new UsageError('give one config file');
    try {
      io.stdout.write(configSummary(loadConfig(positionals[0], io.env)));
      return EXIT_DONE;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const problem of error.problems) io.stderr.write(`${formatConfigProblem(problem)}\n`);
      io.stderr.write(`${error.problems.length} problem${error.problems.length === 1 ? '' : 's'} found\n`);
      return EXIT_FAILED;
    }
  });
}
