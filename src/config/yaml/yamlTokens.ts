/*
 * What is looked for in a YAML text before it is read: directives and tags, which this file does without, and aliases,
 * which are counted before any is resolved, because resolving many takes very long.
 */
import { CST, Lexer } from 'yaml';

export interface YamlToken {
  readonly kind: 'directive' | 'tag' | 'alias';
  readonly text: string;
  /** In characters from the start of the text. */
  readonly offset: number;
  /** Of a tag: where the value or key begins that follows it on its line; else the token's own offset. */
  readonly contentOffset: number;
}

const KINDS: Readonly<Record<string, YamlToken['kind']>> = {
  'directive-line': 'directive',
  tag: 'tag',
  alias: 'alias',
};

/** Control characters with which the lexer announces what follows; they are not in the text. */
const MARKS = ['doc-mode', 'flow-error-end', 'scalar'];

/** All directives (%YAML), tags (!!bool) and aliases (*name) of a text, in their order. Never throws. */
export function yamlTokens(text: string): YamlToken[] {
  const tokens: { kind: YamlToken['kind']; text: string; offset: number; contentOffset: number }[] = [];
  let offset = 0;
  let firstPending = 0;
  let isScalarText = false;
  for (const lexeme of new Lexer().lex(text)) {
    // The text of a scalar may look like any token.
    const type: string = isScalarText ? 'scalar-text' : (CST.tokenType(lexeme) ?? '');
    isScalarText = type === 'scalar';
    if (MARKS.includes(type)) continue;
    if (Object.hasOwn(KINDS, type)) {
      tokens.push({ kind: KINDS[type], text: lexeme, offset, contentOffset: offset });
    } else if (type !== 'space' && type !== 'anchor') {
      const isContent = type !== 'newline' && type !== 'comment';
      for (const token of tokens.slice(firstPending))
        if (isContent && token.kind === 'tag') token.contentOffset = offset;
      firstPending = tokens.length;
    }
    offset += lexeme.length;
  }
  return tokens;
}
