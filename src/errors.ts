/*
 * Errors that several rooms share. Faults in telemetry are counted and never thrown.
 */

/** One problem in a config file. `line` and `column` count from 1; 0 means the whole file. */
export interface ConfigProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Path of the key, such as `hostgroups[2].ban.ttl_seconds`; empty for the whole file. */
  readonly path: string;
  readonly message: string;
}

/** A config is not valid. It has every problem found. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(formatConfigProblem).join('\n'));
    this.problems = problems;
  }
}

/** `kapkan.yaml:12:5: ban.ttl_seconds: must be …`; editors can jump to such a line. */
export function formatConfigProblem(problem: ConfigProblem): string {
  const at = problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file;
  return problem.path === '' ? `${at}: ${problem.message}` : `${at}: ${problem.path}: ${problem.message}`;
}

/** The message of a thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
