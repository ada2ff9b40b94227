/*
 * Checks a YAML text against a schema and the rules across keys. All faults are found at once, each with its place in
 * the text, what is allowed there, and what was found instead.
 */
import type * as z from 'zod';
import { closestKey } from './closestKey.ts';
import { allKeyPaths, keysAt } from './jsonSchema.ts';
import { formatKeyPath, type KeyPath, valueAt, writtenPath } from './keyPath.ts';
import type { Readable, Rule, RuleContext } from './section.ts';
import type { SourcePosition, YamlSource } from './yaml/yamlSource.ts';

/** Characters of a found text that are shown. */
const FOUND_LENGTH = 60;

/** Unknown keys shown of one mapping. A file with more is not a config file of Kapkan. */
const MAX_UNKNOWN_KEYS = 100;

/** What a file may contain. */
export interface FileForm<File> {
  readonly schema: z.ZodType<File>;
  readonly rules: readonly Rule<File>[];
}

export interface FileProblem extends SourcePosition {
  /** Dotted; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** It is only that an environment variable, which the file names, is not set. */
  readonly isUnset: boolean;
}

export interface CheckedFile<File> {
  /** Undefined if the schema refused anything. */
  readonly parsed: File | undefined;
  /** In the order of the file. */
  readonly problems: readonly FileProblem[];
}

/** `source` holds a value, or stops being YAML somewhere. */
export function checkFile<File>(source: YamlSource, form: FileForm<File>, env: NodeJS.ProcessEnv): CheckedFile<File> {
  const problems = source.problems.map(({ path, isForm: _, ...rest }) => {
    return { ...rest, path: formatKeyPath(path), isUnset: false };
  });
  if (source.value === undefined || source.value === null) return { parsed: undefined, problems };
  const { parsed, readable, explanations } = readShape(source, form.schema);
  const { brokenAt } = source;
  if (brokenAt === undefined) applyRules(form.rules, readable, source, explanations, env);
  const misformed = new Set(source.problems.filter(({ isForm }) => isForm).map(({ path }) => formatKeyPath(path)));
  for (const { path: keyPath, message, about } of explanations) {
    const at = about === 'key' ? source.keyPosition(keyPath) : source.valuePosition(keyPath);
    const path = formatKeyPath(keyPath);
    if (misformed.has(path)) continue;
    // Behind the place where it stops being YAML nothing is known for sure; before it, what is wrong is wrong.
    if (brokenAt !== undefined && (about === 'missing' || !isBefore(at, brokenAt))) continue;
    problems.push({ ...at, path, message, isUnset: about === 'unset' });
  }
  return { parsed, problems: sorted(problems) };
}

interface Shape<File> {
  /** Undefined if anything in the file was refused. */
  readonly parsed: File | undefined;
  /** What was not refused. */
  readonly readable: Readable<File>;
  readonly explanations: Explanation[];
}

function readShape<File>(source: YamlSource, schema: z.ZodType<File>): Shape<File> {
  const result = schema.safeParse(source.value);
  const issues = result.success ? [] : result.error.issues;
  const explanations = issues.flatMap((issue) => explainIssue(issue, source));
  const parsed = result.success ? result.data : undefined;
  const isWhole = issues.some((issue) => issue.code !== 'unrecognized_keys' && issue.path.length === 0);
  if (isWhole) return { parsed, readable: {} as Readable<File>, explanations };
  const readable = readWhatIsRight(source.value, schema);
  // An unknown key says nothing against the known ones beside it.
  for (const issue of issues) if (issue.code !== 'unrecognized_keys') forget(readable, issue.path);
  for (const { path, isForm } of source.problems) if (isForm) forget(readable, path);
  return { parsed, readable: readable as Readable<File>, explanations };
}

/**
 * What the schema makes of a value of which it refuses parts. `safeParse` gives nothing then, so this asks the schema's
 * inner interface; refused parts stand in the result as they were written.
 */
function readWhatIsRight(value: unknown, schema: z.ZodType): unknown {
  const payload = schema._zod.run({ value, issues: [] }, { async: false });
  return payload instanceof Promise ? {} : payload.value;
}

/** Makes the value at the path undefined. The schema built it itself, so nothing else refers to it. */
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
function applyRules<File>(
  rules: readonly Rule<File>[],
  file: Readable<File>,
  source: YamlSource,
  explanations: Explanation[],
  env: NodeJS.ProcessEnv,
): void {
  const report = (keyPath: KeyPath, message: string, about: Explanation['about'] = 'value'): void => {
    explanations.push({ path: writtenPath(source.value, keyPath), message, about });
  };
  const context: RuleContext<File> = {
    file,
    isStated: (keyPath) => valueAt(source.value, keyPath) !== undefined,
    plainWord: (keyPath) => source.plainWord(keyPath),
    report,
    readVariable: (keyPath, variable) => {
      const value = env[variable] ?? '';
      const message = `must name an environment variable that is set, ${variable} is unset or empty`;
      if (value === '') report(keyPath, message, 'unset');
      return value;
    },
  };
  for (const rule of rules) rule(context);
}

function isBefore(a: SourcePosition, b: SourcePosition): boolean {
  return a.line < b.line || (a.line === b.line && a.column < b.column);
}

/** In the order of the file, without repetitions. */
function sorted(problems: readonly FileProblem[]): FileProblem[] {
  const unique = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  return [...unique.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

/** A fault for the person who wrote the file: what is allowed, and what was found instead. */
interface Explanation {
  readonly path: KeyPath;
  readonly message: string;
  /** What the message points at. `missing`: the key is not there. `unset`: the variable that it names is not set. */
  readonly about: 'key' | 'value' | 'missing' | 'unset';
}

type Issue = z.core.$ZodIssue;

/** One explanation for an issue; for unknown keys one for each key, for lists one for each element. */
function explainIssue(issue: Issue, source: YamlSource, base: KeyPath = []): Explanation[] {
  const path = writtenPath(source.value, [...base, ...issue.path] as KeyPath);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.slice(0, MAX_UNKNOWN_KEYS).map((key) => explainUnknownKey(path, key));
  }
  if (issue.code === 'invalid_union') {
    // If the value has the form of one of the choices, only what that choice refuses is of interest.
    const closest = issue.errors.find((issues) =>
      issues.every((inner) => inner.path.length > 0 || inner.code === 'custom'),
    );
    if (closest !== undefined) return closest.flatMap((inner) => explainIssue(inner, source, path));
  }
  // These messages already contain what was found.
  if (issue.code === 'custom') return [{ path, message: issue.message, about: 'value' }];

  const allowed = allowedBy(issue);
  const found = valueAt(source.value, path);
  if (found === undefined) return [{ path, message: `is missing, it ${allowed}`, about: 'missing' }];
  if (isSecretName(path)) return [{ path, message: allowed, about: 'value' }];
  return [{ path, message: `${allowed}, got ${describeFound(found, source.isQuoted(path))}`, about: 'value' }];
}

function allowedBy(issue: Issue): string {
  if (issue.code === 'invalid_type' && issue.expected === 'object') return 'must be a mapping of keys to values';
  return issue.message;
}

function explainUnknownKey(path: KeyPath, key: string): Explanation {
  if (key === '<<') return { path: [...path, key], message: 'merge keys (<<) are not used in this file', about: 'key' };
  const known = keysAt(path);
  const near = closestKey(key, known);
  const elsewhere = allKeyPaths().filter((candidate) => candidate.endsWith(`.${key}`) && !candidate.includes('[]'));
  let hint = `known here: ${known.join(', ')}`;
  if (near !== undefined) hint = `did you mean "${near}"?`;
  else if (elsewhere.length > 0) hint = `did you mean ${elsewhere.join(' or ')}?`;
  return { path: [...path, key], message: `is not a known key, ${hint}`, about: 'key' };
}

/** Someone may have written the secret itself in place of the variable's name; it must not reach a log. */
function isSecretName(path: KeyPath): boolean {
  return path.some((step) => String(step).endsWith('_env'));
}

function describeFound(found: unknown, quoted: boolean): string {
  if (found === null) return 'nothing (an empty value)';
  if (Array.isArray(found)) return found.length === 0 ? 'an empty list' : 'a list';
  if (typeof found === 'object') return 'a mapping';
  if (typeof found !== 'string') return String(found);
  const shown = JSON.stringify(found.length > FOUND_LENGTH ? `${found.slice(0, FOUND_LENGTH)}…` : found);
  if (quoted && found.trim() !== '' && Number.isFinite(Number(found)))
    return `the text ${shown}: a number in quotes is text, remove the quotes`;
  if (quoted && (found === 'true' || found === 'false')) return `the text ${shown}: remove the quotes`;
  if (/^(yes|no|on|off)$/i.test(found)) return `${shown}, which YAML reads as text`;
  return shown;
}
