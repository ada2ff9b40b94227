/*
 * A YAML text as plain values, with the way back from a key's path to its line and column, so that a fault can be shown
 * where it was written. Only the plain part of YAML is read: no directives, no tags, no numbers that another reader of
 * YAML takes for something else.
 */
import { type Document, isAlias, isMap, isNode, isScalar, LineCounter, parseDocument, type Scalar } from 'yaml';
import { messageOf } from '../../errors.ts';
import type { KeyPath } from '../keyPath.ts';
import { findNode, offsetOf, pathAt, walkNodes } from './yamlNodes.ts';
import { type YamlToken, yamlTokens } from './yamlTokens.ts';

/** Lines and columns count from 1. */
export interface SourcePosition {
  readonly line: number;
  readonly column: number;
}

export interface SourceProblem extends SourcePosition {
  readonly path: KeyPath;
  readonly message: string;
  /** It is about how the value is written, so nothing else needs to be said about that value. */
  readonly isForm: boolean;
}

export interface YamlSource {
  /** Maps as objects, sequences as arrays; null for an empty text. Undefined where nothing could be read. */
  readonly value: unknown;
  /** What is wrong with the text as YAML, keys that are given twice included. */
  readonly problems: readonly SourceProblem[];
  /**
   * Where the top-level key stands in whose value the text stops being YAML; what is before it was read as it was
   * meant. Undefined if the text is YAML to its end.
   */
  readonly brokenAt: SourcePosition | undefined;
  /** Where the value at the path begins, or for one that is missing, where the deepest present part of its path is. */
  valuePosition(path: KeyPath): SourcePosition;
  /** Where the last key of the path stands. */
  keyPosition(path: KeyPath): SourcePosition;
  /** Whether the value was written in quotes. */
  isQuoted(path: KeyPath): boolean;
  /** The value as written, if it is one plain word at this very place: no quotes, no alias, no anchor. */
  plainWord(path: KeyPath): string | undefined;
}

/** Far above any real configuration; bounds the time that a wrong file can take. */
const MAX_TEXT_LENGTH = 4_194_304;

/** Aliases may be used, but not to make a small file a huge value. */
const MAX_ALIAS_COUNT = 100;
const MAX_ALIASED_VALUES = 100_000;

/** For what the parser says in the words of its own interface. */
const PLAIN_WORDS: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'must be a single YAML document, a second one begins here',
  NON_STRING_KEY: 'a key must be plain text',
  RESOURCE_EXHAUSTION: 'is nested too deeply',
};

/** Said by `yamlTokens` already, with the path. */
const SAID_BY_TOKENS = ['TAG_RESOLVE_FAILED'];

/** `010` is 8 for one reader and 10 for another, `0o17` a number or text. */
const AMBIGUOUS_NUMBER = /^[-+]?0[0-9xXoObB_]/;

const FILE_START: SourcePosition = { line: 1, column: 1 };

/** Reads one YAML 1.2 document. Never throws. */
export function readYaml(text: string): YamlSource {
  if (text.length > MAX_TEXT_LENGTH)
    return unreadable(`must be at most ${MAX_TEXT_LENGTH} characters, got ${text.length}`);
  try {
    return readDocument(text);
  } catch (error) {
    if (error instanceof RangeError) return unreadable('is nested too deeply');
    return unreadable(`cannot be read as YAML: ${messageOf(error)}`);
  }
}

interface Fault {
  readonly offset: number;
  readonly path: KeyPath;
  readonly message: string;
  readonly isForm?: true;
}

function readDocument(text: string): YamlSource {
  const tokens = yamlTokens(text);
  const lines = new LineCounter();
  const document = parseDocument(withoutDirectives(text, tokens), {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false,
    resolveKnownTags: false,
    logLevel: 'error',
  });
  const at = (offset: number): SourcePosition => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const syntax = [...document.errors, ...document.warnings]
    .filter(({ code }) => !SAID_BY_TOKENS.includes(code))
    .map(({ pos, code, message }): Fault => ({ offset: pos[0], path: [], message: PLAIN_WORDS[code] ?? message }));
  const aliases = readAliases(document, tokens);
  const faults = [
    ...syntax,
    ...aliases.faults,
    ...refusedTokens(document, tokens),
    ...refusedNumbers(document),
    ...refusedKeys(document, (offset) => at(offset).line),
  ];

  const resolve = (node: unknown): unknown => (isAlias(node) ? aliases.targets.get(node) : node);
  const find = (path: KeyPath) => findNode(document.contents, path, resolve);
  const broken = [...syntax, ...aliases.faults].map(({ offset }) => offset);
  return {
    value: aliases.faults.length > 0 ? undefined : document.toJS({ maxAliasCount: -1 }),
    problems: faults.map(({ offset, path, message, isForm = false }) => ({ ...at(offset), path, message, isForm })),
    brokenAt: broken.length === 0 ? undefined : at(lastKeyBefore(document.contents, Math.min(...broken))),
    valuePosition: (path) => at(find(path).valueOffset),
    keyPosition: (path) => at(find(path).keyOffset),
    isQuoted: (path) => isScalar(find(path).node) && isQuoted(find(path).node),
    plainWord: (path) => {
      const { node, isAliased } = find(path);
      if (isAliased || !isScalar(node) || node.type !== 'PLAIN' || node.anchor !== undefined) return undefined;
      return node.source;
    },
  };
}

/** The text with spaces in place of its directives, so that all of it is read as YAML 1.2 whatever they say. */
function withoutDirectives(text: string, tokens: readonly YamlToken[]): string {
  let read = text;
  for (const { kind, offset, text: written } of tokens) {
    if (kind !== 'directive') continue;
    read = read.slice(0, offset) + ' '.repeat(written.length) + read.slice(offset + written.length);
  }
  return read;
}

interface Aliases {
  /** What each alias stands for. */
  readonly targets: ReadonlyMap<unknown, unknown>;
  readonly faults: readonly Fault[];
}

/** An alias stands for the last node before it with an anchor of its name. Too many are not even looked at. */
function readAliases(document: Document.Parsed, tokens: readonly YamlToken[]): Aliases {
  const written = tokens.filter(({ kind }) => kind === 'alias');
  const targets = new Map<unknown, unknown>();
  if (written.length > MAX_ALIAS_COUNT) {
    const message = `at most ${MAX_ALIAS_COUNT} aliases (*name) may be used, got ${written.length}`;
    return { targets, faults: [{ offset: written[MAX_ALIAS_COUNT].offset, path: [], message }] };
  }
  const faults: Fault[] = [];
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

function refusedTokens(document: Document.Parsed, tokens: readonly YamlToken[]): Fault[] {
  return tokens.flatMap(({ kind, text, offset, contentOffset }): Fault[] => {
    if (kind === 'directive') {
      return [{ offset, path: [], message: `YAML directives are not used in this file, remove ${text.trim()}` }];
    }
    if (kind !== 'tag') return [];
    const message = `YAML tags are not used in this file, remove ${text}`;
    return [{ offset, path: pathAt(document.contents, contentOffset), message, isForm: true }];
  });
}

function refusedNumbers(document: Document.Parsed): Fault[] {
  const faults: Fault[] = [];
  walkNodes(document.contents, (node, path, isKey) => {
    if (isKey || !isScalar(node) || node.type !== 'PLAIN' || !AMBIGUOUS_NUMBER.test(node.source ?? '')) return;
    if (typeof node.value !== 'number') return;
    const message = `must be written as a decimal number without leading zeros, got ${node.source}`;
    faults.push({ offset: offsetOf(node, 0), path, message, isForm: true });
  });
  return faults;
}

function unreadable(message: string): YamlSource {
  return {
    value: undefined,
    problems: [{ ...FILE_START, path: [], message, isForm: false }],
    brokenAt: FILE_START,
    valuePosition: () => FILE_START,
    keyPosition: () => FILE_START,
    isQuoted: () => false,
    plainWord: () => undefined,
  };
}

function isQuoted(node: unknown): boolean {
  return isScalar(node) && (node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE');
}

function lengthOf(node: Scalar): number {
  return node.range ? node.range[1] - node.range[0] : 0;
}

function lastKeyBefore(root: unknown, faultOffset: number): number {
  if (!isMap(root)) return 0;
  const offsets = root.items.map(({ key }) => offsetOf(key, 0));
  return Math.max(0, ...offsets.filter((offset) => offset <= faultOffset));
}

/** Keys that are given twice, of which the last would count, and keys that are not written as they are read. */
function refusedKeys(document: Document.Parsed, lineOf: (offset: number) => number): Fault[] {
  const faults: Fault[] = [];
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
