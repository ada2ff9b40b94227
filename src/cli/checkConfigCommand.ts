/*
 * `kapkan check-config FILE`: the daemon's own validation, without the daemon and without a network.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { configSummary } from '../config/summary.ts';
import { configWarnings } from '../config/warnings.ts';
import { ConfigError, type ConfigProblem, formatConfigProblem, messageOf } from '../errors.ts';
import { type CommandIo, EXIT_DONE, EXIT_FAILED } from './command.ts';
import { parseEnvironment } from './environmentFile.ts';
import { UsageError, withUsage } from './usageError.ts';

const USAGE = `Usage: kapkan check-config FILE [--env-file FILE] [--without-secrets]

Checks a config file and prints what it means, with everything inherited filled in. Warns of what can hardly be meant.

  --env-file FILE    reads environment variables from this file too, as the service unit does (default: kapkan.env
                     beside the config file, if it exists). A variable of the environment wins over one of the file
  --without-secrets  environment variables that the config names and that are not set are warnings, not errors

Examples:
  kapkan check-config /etc/kapkan/kapkan.yaml
  kapkan check-config kapkan.yaml --without-secrets

Exit codes: 0 valid, 1 not.
`;

/** Where the service unit reads its environment, beside the config file. */
const DEFAULT_ENV_FILE = 'kapkan.env';

export async function checkConfigCommand(args: readonly string[], io: CommandIo): Promise<number> {
  return withUsage(USAGE, args, io, async () => {
    const { positionals, values } = parseArgs({
      args: [...args],
      options: { 'env-file': { type: 'string' }, 'without-secrets': { type: 'boolean', default: false } },
      allowPositionals: true,
    });
    if (positionals.length !== 1) throw new UsageError('give one config file');
    const [file] = positionals;
    const envFile = values['env-file'] ?? path.join(path.dirname(file), DEFAULT_ENV_FILE);
    const { variables, fault } = readVariables(envFile);
    if (fault !== undefined && values['env-file'] !== undefined) {
      io.stderr.write(`${envFile}: cannot be read: ${fault.message}\n`);
      return EXIT_FAILED;
    }
    // What cannot be read may hold all that is missing. A file that is not there holds nothing.
    const isUnreadable = fault !== undefined && fault.code !== 'ENOENT';
    if (isUnreadable) io.stderr.write(`warning: ${envFile}: cannot be read: ${fault.message}\n`);
    return check(file, { ...variables, ...io.env }, values['without-secrets'] || isUnreadable, io);
  });
}

function check(file: string, env: NodeJS.ProcessEnv, mayBeUnset: boolean, io: CommandIo): number {
  const unset: ConfigProblem[] = [];
  const errors: ConfigProblem[] = [];
  let config: Config | undefined;
  try {
    config = loadConfig(file, env, { onUnset: (problem) => unset.push(problem) });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    errors.push(...error.problems);
  }
  if (mayBeUnset) for (const problem of unset) io.stderr.write(`warning: ${formatConfigProblem(problem)}\n`);
  else errors.push(...unset);
  if (errors.length === 0 && config !== undefined) {
    for (const { path, message } of configWarnings(config)) io.stderr.write(`warning: ${file}: ${path}: ${message}\n`);
    io.stdout.write(configSummary(config));
    return EXIT_DONE;
  }
  errors.sort((a, b) => a.line - b.line || a.column - b.column);
  for (const problem of errors) io.stderr.write(`${formatConfigProblem(problem)}\n`);
  io.stderr.write(`${errors.length} problem${errors.length === 1 ? '' : 's'} found\n`);
  return EXIT_FAILED;
}

interface EnvironmentFault {
  readonly code: string | undefined;
  readonly message: string;
}

function readVariables(file: string): { variables: Record<string, string>; fault: EnvironmentFault | undefined } {
  try {
    return { variables: parseEnvironment(readFileSync(file, 'utf8')), fault: undefined };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { variables: {}, fault: { code, message: messageOf(error) } };
  }
}
