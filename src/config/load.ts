/*
 * Reads a config file: YAML, then the schema, then the rules across keys. Every fault is reported at once, each with
 * its place in the file, so that one look at the output is enough to correct all of them.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ConfigError, type ConfigProblem, messageOf } from '../errors.ts';
import { checkFile } from './checkFile.ts';
import { type Config, fileSchema, RULES, resolveSections } from './config.ts';
import { readYaml } from './yaml/yamlSource.ts';

export interface LoadOptions {
  /**
   * Takes note of an environment variable that is not set; without it that is an error. What it holds is then empty.
   */
  readonly onUnset?: (problem: ConfigProblem) => void;
}

/** Reads and checks a file; secrets come out of `env`. Throws ConfigError, with every problem, and nothing else. */
export function loadConfig(file: string, env: NodeJS.ProcessEnv, options: LoadOptions = {}): Config {
  return parseConfig(readConfigText(file), file, env, options);
}

/** Throws ConfigError. */
export function readConfigText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError([{ file, line: 0, column: 0, path: '', message: `cannot be read: ${messageOf(error)}` }]);
  }
}

/** Checks the text of a file; `file` is its name in messages and where relative paths start. Throws ConfigError. */
export function parseConfig(text: string, file: string, env: NodeJS.ProcessEnv, options: LoadOptions = {}): Config {
  const source = readYaml(text);
  const { parsed, problems } = checkFile(source, { schema: fileSchema, rules: RULES }, env);
  const errors: ConfigProblem[] = [];
  for (const { isUnset, ...place } of problems) {
    if (isUnset && options.onUnset !== undefined) options.onUnset({ file, ...place });
    else errors.push({ file, ...place });
  }
  if (source.value === null && source.brokenAt === undefined) {
    const message = 'is empty, it must state at least listen, networks, thresholds and ban';
    errors.push({ file, line: 1, column: 1, path: '', message });
  }
  if (errors.length > 0 || parsed === undefined) throw new ConfigError(errors);
  const absolute = path.resolve(file);
  return { file: absolute, ...resolveSections(parsed, { directory: path.dirname(absolute), env }) };
}
