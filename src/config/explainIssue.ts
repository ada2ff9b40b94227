/*
 * What the schema found wrong, said to the person who wrote the file: what is allowed, and what was found instead.
 */
import type * as z from 'zod';
import { closestKey } from './closestKey.ts';
import { allKeyPaths, keysAt } from './jsonSchema.ts';
import { type KeyPath, valueAt, writtenPath } from './keyPath.ts';
import type { YamlSource } from './yaml/yamlSource.ts';

export interface Explanation {
  readonly path: KeyPath;
  readonly message: string;
  /** What the message points at. `missing`: the key is not there. `unset`: the variable that it names is not set. */
  readonly about: 'key' | 'value' | 'missing' | 'unset';
}

type Issue = z.core.$ZodIssue;

/** Characters of a found text that are shown. */
const FOUND_LENGTH = 60;

/** Unknown keys shown of one mapping. A file with more is not a config file of Kapkan. */
const MAX_UNKNOWN_KEYS = 100;

/** One explanation for an issue; for unknown keys one for each key, for lists one for each element. */
export function explainIssue(issue: Issue, source: YamlSource, base: KeyPath = []): Explanation[] {
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
