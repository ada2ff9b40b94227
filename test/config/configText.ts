/*
 * Config texts for tests: the smallest valid file, and what a text is found to be.
 */
import { parseConfig } from '../../src/config/load.ts';
import { ConfigError, type ConfigProblem } from '../../src/errors.ts';

export const MINIMAL = `listen: { netflow: ":2055" }
networks: [192.0.2.0/24, 2001:db8::/32]
thresholds: { pps: 100000, mbps: 1000, flows_per_sec: 5000 }
ban: { ttl_seconds: 600, max_active_bans: 100 }
`;

export const FILE = '/etc/kapkan/kapkan.yaml';

/** The config of a valid text. */
export function configOf(text: string, env: NodeJS.ProcessEnv = {}) {
  return parseConfig(text, FILE, env);
}

/** What is wrong with a text; empty if it is valid. Anything thrown but a ConfigError goes through. */
export function problemsOf(text: string, env: NodeJS.ProcessEnv = {}): readonly ConfigProblem[] {
  try {
    parseConfig(text, FILE, env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** The minimal file and further lines, which may not repeat its keys. */
export function withLines(...lines: string[]): string {
  return `${MINIMAL}${lines.join('\n')}\n`;
}

/** `line:column path` of every problem. */
export function placesOf(text: string, env: NodeJS.ProcessEnv = {}): string[] {
  return problemsOf(text, env).map(({ line, column, path }) => `${line}:${column} ${path}`);
}

/** The one problem a text is expected to have, as `path: message`. */
export function onlyProblemOf(text: string, env: NodeJS.ProcessEnv = {}): string {
  const problems = problemsOf(text, env);
  if (problems.length !== 1) throw new Error(`expected one problem, got ${JSON.stringify(problems, null, 2)}`);
  return `${problems[0].path}: ${problems[0].message}`;
}
