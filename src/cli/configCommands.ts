/*
 * `kapkan check-config FILE`: the daemon's own validation, without the daemon and without a network. `kapkan schema`:
 * the JSON Schema of the config file, for editors and other programs.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Config } from '../config/config.ts';
import { configJsonSchema } from '../config/jsonSchema.ts';
import { loadConfig } from '../config/load.ts';
import { configSummary } from '../config/summary.ts';
import { configWarnings } from '../config/warnings.ts';
import { ConfigError, type ConfigProblem, formatConfigProblem, messageOf } from '../errors.ts';
import { type CommandIo, EXIT_DONE, EXIT_FAILED, UsageError, withUsage } from './command.ts';

const CHECK_USAGE = `Usage: kapkan check-config FILE [--env-file FILE] [--without-secrets]

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
  return withUsage(CHECK_USAGE, args, io, async () => {
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

const SCHEMA_USAGE = `Usage: kapkan schema

Prints the JSON Schema (draft 2020-12) of the config file.

Example:
  kapkan schema > kapkan.schema.json
`;

/**
 * With the schema saved beside the config file, a first line `# yaml-language-server: $schema=kapkan.schema.json` gives
 * completion and checking in an editor.
 */
export async function schemaCommand(args: readonly string[], io: CommandIo): Promise<number> {
  return withUsage(SCHEMA_USAGE, args, io, async () => {
    parseArgs({ args: [...args], options: {} });
    io.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    return EXIT_DONE;
  });
}

/** A comment, an assignment with its value in double, single or no quotes, or a line that means nothing to systemd. */
const LINE =
  /[ \t]*(?:[#;][^\n]*|([A-Za-z_]\w*)[ \t]*=[ \t]*(?:"((?:\\[\s\S]|[^"\\])*)"[ \t]*|'([^']*)'[ \t]*|((?:\\[\s\S]|[^\\\n])*))|[^\n]*)(?:\n|$)/y;

/**
 * The variables of an environment file of the service unit (EnvironmentFile= in systemd.exec(5)) as systemd reads it.
 * It holds the secrets that the config names, so `check-config` checks with the variables that the daemon will have.
 * Unlike a shell, systemd takes `#` for a comment only at the start of a line and replaces no `$NAME`. Of a variable
 * that is set twice the last value counts.
 */
export function parseEnvironment(text: string): Record<string, string> {
  const lines = new RegExp(LINE);
  const read = text.replaceAll('\r\n', '\n');
  const variables: Record<string, string> = {};
  while (lines.lastIndex < read.length) {
    const [, name, double, single, plain] = lines.exec(read) ?? [];
    if (name === undefined) continue;
    if (double !== undefined) variables[name] = double.replaceAll(/\\(\n|["\\`$])/g, keepUnlessNewline);
    else variables[name] = single ?? plain.replaceAll(/\\([\s\S])/g, keepUnlessNewline).trimEnd();
  }
  return variables;
}

/** A backslash before the end of a line continues the line. */
function keepUnlessNewline(_escape: string, character: string): string {
  return character === '\n' ? '' : character;
}
