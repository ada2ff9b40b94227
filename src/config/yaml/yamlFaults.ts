/*
 * What YAML allows and the config file does not: whatever another reader of YAML, or a person, may read differently.
 */
import { CST, type Document, isAlias, isMap, isNode, isScalar, Lexer, type Scalar } from 'yaml';
import type { KeyPath } from '../keyPath.ts';
import { isQuoted, offsetOf, pathAt, walkNodes } from './yamlNodes.ts';

export interface YamlFault {
  readonly offset: number;
  readonly path: KeyPath;
  readonly message: string;
  /** It is about how the value is written, so nothing else needs to be said about that value. */
  readonly isForm?: true;
}

export interface YamlToken {
  readonly kind: 'directive' | 'tag' | 'alias';
  readonly text: string;
  /** In characters from the start of the text. */
  readonly offset: number;
  /** Of a tag: where the value or key begins that follows it on its line; else the token's own offset. */
  readonly contentOffset: number;
}

const MAX_ALIAS_COUNT = 100;

/** Keys and values that all aliases together may stand for. */
const MAX_ALIASED_VALUES = 100_000;

/** `010` is 8 for one reader and 10 for another, `0o17` a number or text. */
const AMBIGUOUS_NUMBER = /^[-+]?0[0-9xXoObB_]/;

export function refusedTokens(document: Document.Parsed, tokens: readonly YamlToken[]): YamlFault[] {
  return tokens.flatMap(({ kind, text, offset, contentOffset }): YamlFault[] => {
    if (kind === 'directive') {
      return [{ offset, path: [], message: `YAML directives are not used in this file, remove ${text.trim()}` }];
    }
    if (kind !== 'tag') return [];
    const message = `YAML tags are not used in this file, remove ${text}`;
    return [{ offset, path: pathAt(document.contents, contentOffset), message, isForm: true }];
  });
}

export function refusedNumbers(document: Document.Parsed): YamlFault[] {
  const faults: YamlFault[] = [];
  walkNodes(document.contents, (node, path, isKey) => {
    if (isKey || !isScalar(node) || node.type !== 'PLAIN' || !AMBIGUOUS_NUMBER.test(node.source ?? '')) return;
    if (typeof node.value !== 'number') return;
    const message = `must be written as a decimal number without leading zeros, got ${node.source}`;
    faults.push({ offset: offsetOf(node, 0), path, message, isForm: true });
  });
  return faults;
}

/** Keys that are given twice, of which the last would count, and keys that are not written as they are read. */
export function refusedKeys(document: Document.Parsed, lineOf: (offset: number) => number): YamlFault[] {
  const faults: YamlFault[] = [];
  walkNodes(document.contents, (node, path) => {
    if (!isMap(node)) return;
    const seen = new Map<string, number>();
    for (const { key } of node.items) {
      if (!isScalar(key)) continue;
      const name = String(key.value);
      const offset = offsetOf(key, 0);
      const first = seen.get(name);
      if (first !== undefined) {
        faults.push({ offset, path: [...path, name], message: `is given twice, first on line ${lineOf(first)}` });
      }
      if (isQuoted(key) && lengthOf(key) !== name.length + 2) {
        faults.push({ offset, path: [...path, name], message: 'a key must be written without escapes' });
      }
      seen.set(name, first ?? offset);
    }
  });
  return faults;
}

function lengthOf(node: Scalar): number {
  return node.range ? node.range[1] - node.range[0] : 0;
}

export interface Aliases {
  /** What each alias stands for. */
  readonly targets: ReadonlyMap<unknown, unknown>;
  readonly faults: readonly YamlFault[];
}

/**
 * What the aliases (*name) of a document stand for: each for the last node before it with an anchor of its name. Their
 * number and what they stand for are limited, because a small file could otherwise become a huge value that stops the
 * daemon for seconds at a reload.
 */
export function readAliases(document: Document.Parsed, tokens: readonly YamlToken[]): Aliases {
  const written = tokens.filter(({ kind }) => kind === 'alias');
  const targets = new Map<unknown, unknown>();
  if (written.length > MAX_ALIAS_COUNT) {
    const message = `at most ${MAX_ALIAS_COUNT} aliases (*name) may be used, got ${written.length}`;
    return { targets, faults: [{ offset: written[MAX_ALIAS_COUNT].offset, path: [], message }] };
  }
  const faults: YamlFault[] = [];
  const anchors = new Map<string, { readonly node: unknown; readonly end: number }>();
  const sizes = new Map<unknown, number>();
  let total = 0;
  walkNodes(document.contents, (node, path) => {
    if (isNode(node) && 'anchor' in node && node.anchor !== undefined) {
      anchors.set(node.anchor, { node, end: node.range?.[1] ?? 0 });
    }
    if (!isAlias(node) || total > MAX_ALIASED_VALUES) return;
    const offset = offsetOf(node, 0);
    const fault = (message: string) => faults.push({ offset, path, message });
    const target = anchors.get(node.source);
    if (target === undefined) {
      fault(`*${node.source} has no anchor &${node.source} before it`);
      return;
    }
    if (offset < target.end) {
      fault(`*${node.source} stands inside its own anchor &${node.source}`);
      return;
    }
    targets.set(node, target.node);
    let size = 0;
    walkNodes(target.node, (inner) => {
      size += sizes.get(inner) ?? 1;
    });
    sizes.set(node, size);
    total += size;
    if (total > MAX_ALIASED_VALUES)
      fault(`the aliases up to *${node.source} stand for over ${MAX_ALIASED_VALUES} values`);
  });
  return { targets, faults };
}

const KINDS: Readonly<Record<string, YamlToken['kind']>> = {
  'directive-line': 'directive',
  tag: 'tag',
  alias: 'alias',
};

/** Control characters with which the lexer announces what follows; they are not in the text. */
const MARKS = ['doc-mode', 'flow-error-end', 'scalar'];

/**
 * All directives (%YAML), tags (!!bool) and aliases (*name) of a text, in their order. Aliases are counted before any
 * is resolved, because resolving many takes very long. Never throws.
 */
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
