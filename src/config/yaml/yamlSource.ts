/*
 * A YAML text as plain values, with the way back from a key's path to its line and column, so that a fault can be shown
 * where it was written. Only the plain part of YAML is read: no directives, no tags, no numbers that another reader of
 * YAML takes for something else.
 */
import { isAlias, isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { messageOf } from '../../errors.ts';
import type { KeyPath } from '../keyPath.ts';
import {
  readAliases,
  refusedKeys,
  refusedNumbers,
  refusedTokens,
  type YamlFault,
  type YamlToken,
  yamlTokens,
} from './yamlFaults.ts';
import { findNode, isQuoted, offsetOf } from './yamlNodes.ts';
import { syntaxMessage } from './yamlSyntax.ts';

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

/** Said by `yamlTokens` already, with the path. */
const SAID_BY_TOKENS = ['TAG_RESOLVE_FAILED'];

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
    .map((fault): YamlFault => ({ offset: fault.pos[0], path: [], message: syntaxMessage(fault, text) }));
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

function lastKeyBefore(root: unknown, faultOffset: number): number {
  if (!isMap(root)) return 0;
  const offsets = root.items.map(({ key }) => offsetOf(key, 0));
  return Math.max(0, ...offsets.filter((offset) => offset <= faultOffset));
}
