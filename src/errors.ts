/*
 * The errors that cross rooms. Wire data never throws; these are for what a person did or what a daemon answered.
 */

/** One thing wrong in a config file. `line` and `column` count from 1; 0 where the file as a whole is meant. */
export interface ConfigProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Dotted path of the key, `hostgroups[2].ban.ttl_seconds`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

/** A config that is not valid; carries every problem found. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(formatConfigProblem).join('\n'));
    this.problems = problems;
  }
}

/** `kapkan.yaml:12:5: ban.ttl_seconds: must be …`, the form editors jump to. */
export function formatConfigProblem(problem: ConfigProblem): string {
  const at = problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file;
  return problem.path === '' ? `${at}: ${problem.message}` : `${at}: ${problem.path}: ${problem.message}`;
}

/** What a thrown value says, for a log line or an answer. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
