/*
 * Where a text stops being JSON (RFC 8259). JSON.parse is the judge of whether it is; its error names the place only
 * for some faults, and a person who mistyped a request wants it for all of them.
 */

/** Strings with their escapes, numbers and the three literals. */
const SCALAR =
  /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const BLANK = /[ \t\n\r]*/y;

/** What may stand at a place in the text. */
type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or ]' | ', or }' | 'end of text';

export interface JsonFault {
  /** Index into the text; its length where the text ends too early. */
  readonly position: number;
  readonly expected: Expected;
}

/** The first fault of the text, or undefined where it is JSON. */
export function jsonFault(text: string): JsonFault | undefined {
  const open: ('[' | '{')[] = [];
  let expected: Expected = 'value';
  let at = skip(BLANK, text, 0);
  for (; at < text.length; at = skip(BLANK, text, at)) {
    const next = step(text, at, expected, open);
    if (next === undefined) return { position: at, expected };
    expected = next.expected;
    at = next.at;
  }
  return expected === 'end of text' ? undefined : { position: at, expected };
}

/** Reads one token where `expected` may stand; undefined where it does not. */
function step(
  text: string,
  at: number,
  expected: Expected,
  open: ('[' | '{')[],
): { at: number; expected: Expected } | undefined {
  const char = text[at];
  const afterValue = (end: number) => ({ at: end, expected: afterValueIn(open) });
  if (expected === 'value' || expected === 'value or ]') {
    if (char === '[' || char === '{') {
      open.push(char);
      return { at: at + 1, expected: char === '[' ? 'value or ]' : 'key or }' };
    }
    if (char !== ']') {
      const end = skip(SCALAR, text, at);
      return end > at ? afterValue(end) : undefined;
    }
  }
  if ((expected === 'key' || expected === 'key or }') && char === '"') {
    const end = skip(SCALAR, text, at);
    return end > at ? { at: end, expected: ':' } : undefined;
  }
  if (expected === ':' && char === ':') return { at: at + 1, expected: 'value' };
  if (char === ',' && expected === ', or ]') return { at: at + 1, expected: 'value' };
  if (char === ',' && expected === ', or }') return { at: at + 1, expected: 'key' };
  if ((char === ']' || char === '}') && expected.endsWith(` ${char}`)) {
    open.pop();
    return afterValue(at + 1);
  }
  return undefined;
}

function afterValueIn(open: readonly ('[' | '{')[]): Expected {
  if (open.length === 0) return 'end of text';
  return open[open.length - 1] === '[' ? ', or ]' : ', or }';
}

/** End of the token at `at`; `at` itself where there is none. */
function skip(token: RegExp, text: string, at: number): number {
  token.lastIndex = at;
  return token.test(text) ? token.lastIndex : at;
}
