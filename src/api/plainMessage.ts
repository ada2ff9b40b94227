/*
 * What is wrong with a value of a request, in plain words: what is allowed, and for small values what was sent. It is
 * the error map of every parse, so a message that a schema has of its own wins.
 */
import type { z } from 'zod';

type RawIssue = z.core.$ZodRawIssue;

const TYPES: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'text',
};

/** Characters of a sent value that are shown. */
const SHOWN_LENGTH = 64;

/** `must be a whole number, got 1.5`. */
export function plainMessage(issue: RawIssue): string {
  if (issue.input === undefined) return `is missing, it ${allowedBy(issue)}`;
  return `${allowedBy(issue)}${sent(issue.input)}`;
}

function allowedBy(issue: RawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `must ${amount(issue.origin, issue.minimum, 'at least')}`;
    case 'too_big':
      return `must ${amount(issue.origin, issue.maximum, 'at most')}`;
    case 'invalid_union':
      return `must be ${[...new Set(issue.errors.flat().map(expectedOf))].filter((type) => type !== '').join(' or ')}`;
    default:
      return 'has a form that is not allowed';
  }
}

function amount(origin: string, limit: number | bigint, bound: string): string {
  if (origin === 'string') return `have ${bound} ${limit} characters`;
  if (origin === 'array') return `have ${bound} ${limit} elements`;
  return `be ${bound} ${limit}`;
}

/** Of one choice of a union; empty for what is wrong inside of a list, which the choice of a list covers. */
function expectedOf(issue: z.core.$ZodIssue): string {
  if (issue.path.length > 0) return 'a list of them';
  return issue.code === 'invalid_type' ? (TYPES[issue.expected] ?? issue.expected) : '';
}

/** Nothing for objects and lists, which are too long to show. */
function sent(input: unknown): string {
  if (typeof input === 'object' && input !== null) return '';
  const text = JSON.stringify(input) ?? String(input);
  return `, got ${text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text}`;
}
