/*
 * Reads a config file: YAML, then the schema, then the rules across keys. Whatever is wrong comes back at once, each
 * problem with its place in the file, so that one look at the output is enough to put all of it right.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ConfigError, type ConfigProblem, messageOf } from '../errors.ts';
import type { Config } from './config.ts';
import { type Explanation, explainIssue, valueAt, writtenPath } from './explainIssue.ts';
import type { Readable, RuleContext } from './ruleContext.ts';
import { type FileConfig, fileSchema, RULES, resolveSections } from './sections.ts';
import { type KeyPath, readYaml, type SourcePosition, type YamlSource } from './yamlSource.ts';

/** Reads and checks a file; secrets come out of `env`. Throws ConfigError, with every problem, and nothing else. */
export function loadConfig(file: string, env: NodeJS.ProcessEnv): Config {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError([{ file, line: 0, column: 0, path: '', message: `cannot be read: ${messageOf(error)}` }]);
  }
  return parseConfig(text, file, env);
}

/** Checks the text of a file; `file` is its name in messages and where relative paths start. Throws ConfigError. */
export function parseConfig(text: string, file: string, env: NodeJS.ProcessEnv): Config {
  const source = readYaml(text);
  const problems: ConfigProblem[] = [];
  const add = (at: SourcePosition, keyPath: KeyPath, message: string): void => {
    problems.push({ file, line: at.line, column: at.column, path: formatPath(keyPath), message });
  };
  for (const { line, column, path: keyPath, message } of source.problems) add({ line, column }, keyPath, message);
  if (source.value === null && source.brokenAt === undefined) {
    add({ line: 1, column: 1 }, [], 'is empty, it must state at least listen, networks, thresholds and ban');
  }
  if (source.value === undefined || source.value === null) throw new ConfigError(problems);

  const { parsed, readable, explanations } = readShape(source);
  const { brokenAt } = source;
  if (brokenAt !== undefined) {
    // Behind the fault nothing is known for sure; before it, what is wrong is wrong.
    for (const { path: keyPath, message, about } of explanations) {
      const at = positionOf(source, keyPath, about);
      if (about !== 'missing' && isBefore(at, brokenAt)) add(at, keyPath, message);
    }
    throw new ConfigError(sorted(problems));
  }
  applyRules(readable, source, explanations, env);
  for (const { path: keyPath, message, about } of explanations)
    add(positionOf(source, keyPath, about), keyPath, message);
  if (problems.length > 0 || parsed === undefined) throw new ConfigError(sorted(problems));
  const absolute = path.resolve(file);
  return { file: absolute, ...resolveSections(parsed, { directory: path.dirname(absolute), env }) };
}

interface Shape {
  /** Undefined if anything in the file was refused. */
  readonly parsed: FileConfig | undefined;
  /** What was not refused. */
  readonly readable: Readable<FileConfig>;
  readonly explanations: Explanation[];
}

function readShape(source: YamlSource): Shape {
  const result = fileSchema.safeParse(source.value);
  if (result.success) return { parsed: result.data, readable: result.data, explanations: [] };
  const { issues } = result.error;
  const explanations = issues.flatMap((issue) => explainIssue(issue, source));
  const isWhole = issues.some((issue) => issue.code !== 'unrecognized_keys' && issue.path.length === 0);
  if (isWhole) return { parsed: undefined, readable: {}, explanations };
  const seen = readWhatIsRight(source.value);
  // An unknown key says nothing against the known ones beside it.
  for (const issue of issues) if (issue.code !== 'unrecognized_keys') forget(seen, issue.path);
  return { parsed: undefined, readable: seen as Readable<FileConfig>, explanations };
}

/**
 * What the schema makes of a value that it refuses. `safeParse` keeps that to itself, so this asks the schema's inner
 * interface; refused parts stand in the result as they were written.
 */
function readWhatIsRight(value: unknown): unknown {
  const payload = fileSchema._zod.run({ value, issues: [] }, { async: false });
  return payload instanceof Promise ? {} : payload.value;
}

/** Makes what is at the path undefined. The schema built this value itself, so nobody else holds it. */
function forget(root: unknown, path: readonly PropertyKey[]): void {
  let parent = root;
  for (const step of path.slice(0, -1)) {
    if (typeof parent !== 'object' || parent === null) return;
    parent = (parent as Record<PropertyKey, unknown>)[step];
  }
  const last = path.at(-1);
  if (typeof parent !== 'object' || parent === null || last === undefined) return;
  (parent as Record<PropertyKey, unknown>)[last] = undefined;
}

/** Runs every rule; what they report is added to the explanations. */
function applyRules(
  file: Readable<FileConfig>,
  source: YamlSource,
  explanations: Explanation[],
  env: NodeJS.ProcessEnv,
): void {
  const context: RuleContext<FileConfig> = {
    file,
    isStated: (keyPath) => valueAt(source.value, keyPath) !== undefined,
    report: (keyPath, message, about = 'value') => {
      explanations.push({ path: writtenPath(source.value, keyPath), message, about });
    },
    readVariable: (keyPath, variable) => {
      const value = env[variable] ?? '';
      const message = `must name an environment variable that is set, ${variable} is unset or empty`;
      if (value === '') context.report(keyPath, message);
      return value;
    },
  };
  for (const rule of RULES) rule(context);
}

function positionOf(source: YamlSource, keyPath: KeyPath, about: Explanation['about']): SourcePosition {
  return about === 'key' ? source.keyPosition(keyPath) : source.valuePosition(keyPath);
}

function isBefore(a: SourcePosition, b: SourcePosition): boolean {
  return a.line < b.line || (a.line === b.line && a.column < b.column);
}

/** In the order of the file; what was said twice is said once. */
function sorted(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const unique = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  return [...unique.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

/** `hostgroups[2].ban.ttl_seconds` */
function formatPath(keyPath: KeyPath): string {
  return keyPath.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}
