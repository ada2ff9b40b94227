/*
 * A YAML text as plain values, with the way back from a key's path to its line and column, so that whatever is wrong
 * with a value can be shown where it was written.
 */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
  type Scalar,
  visit,
} from 'yaml';
import { messageOf } from '../errors.ts';

export type KeyPath = readonly (string | number)[];

/** Lines and columns count from 1. */
export interface SourcePosition {
  readonly line: number;
  readonly column: number;
}

export interface SourceProblem extends SourcePosition {
  readonly path: KeyPath;
  readonly message: string;
}

export interface YamlSource {
  /** Maps as objects, sequences as arrays; null for an empty text. Undefined where nothing could be read. */
  readonly value: unknown;
  /** What breaks the rules of YAML itself, keys that are given twice included. */
  readonly problems: readonly SourceProblem[];
  /**
   * Where the top-level key stands in whose value the text stops being YAML; what is before it was read as it was
   * meant. Undefined if the text is sound.
   */
  readonly brokenAt: SourcePosition | undefined;
  /** Where the value at the path begins, or for one that is missing, where the deepest present part of its path is. */
  valuePosition(path: KeyPath): SourcePosition;
  /** Where the last key of the path stands. */
  keyPosition(path: KeyPath): SourcePosition;
  /** Whether the value was written in quotes. */
  isQuoted(path: KeyPath): boolean;
}

/** Far above any real configuration; bounds the time that a wrong file can take. */
const MAX_TEXT_LENGTH = 4_194_304;

/** Aliases may be used, but not to make a small file a huge value. */
const MAX_ALIAS_COUNT = 100;

/** For what the parser says in the words of its own interface. */
const PLAIN_WORDS: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'must be a single YAML document, a second one begins here',
  NON_STRING_KEY: 'a key must be plain text',
  RESOURCE_EXHAUSTION: 'is nested too deeply',
  TAG_RESOLVE_FAILED: 'YAML tags (!name) are not used in this file',
};

const FILE_START: SourcePosition = { line: 1, column: 1 };

/** Reads one YAML 1.2 document. Never throws. */
export function readYaml(text: string): YamlSource {
  if (text.length > MAX_TEXT_LENGTH)
    return unreadable(`must be at most ${MAX_TEXT_LENGTH} characters, got ${text.length}`);
  try {
    return readDocument(text);
  } catch (error) {
    // Too many aliases, or nesting deeper than the stack.
    return unreadable(`cannot be read as YAML: ${messageOf(error)}`);
  }
}

function readDocument(text: string): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, {
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
  let dangling = false;
  const faults = [...document.errors, ...document.warnings].map(({ pos, code, message }) => {
    return { offset: pos[0], message: PLAIN_WORDS[code] ?? message };
  });
  visit(document, {
    Alias: (_key, alias) => {
      if (alias.resolve(document) !== undefined) return;
      dangling = true;
      faults.push({ offset: offsetOf(alias, 0), message: `*${alias.source} has no anchor &${alias.source} before it` });
    },
  });
  const problems: SourceProblem[] = faults.map(({ offset, message }) => ({ ...at(offset), path: [], message }));
  reportDuplicateKeys(document.contents, [], (path, first, second) => {
    const message = `is given twice, first on line ${at(first).line}`;
    problems.push({ ...at(second), path, message });
  });

  const resolve = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
  const find = (path: KeyPath): Found => findNode(document.contents, path, resolve);
  return {
    value: dangling ? undefined : document.toJS({ maxAliasCount: MAX_ALIAS_COUNT }),
    problems,
    brokenAt:
      faults.length === 0
        ? undefined
        : at(lastKeyBefore(document.contents, Math.min(...faults.map(({ offset }) => offset)))),
    valuePosition: (path) => at(find(path).valueOffset),
    keyPosition: (path) => at(find(path).keyOffset),
    isQuoted: (path) => {
      const { node } = find(path);
      return isScalar(node) && (node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE');
    },
  };
}

function unreadable(message: string): YamlSource {
  return {
    value: undefined,
    problems: [{ ...FILE_START, path: [], message }],
    brokenAt: FILE_START,
    valuePosition: () => FILE_START,
    keyPosition: () => FILE_START,
    isQuoted: () => false,
  };
}

interface Found {
  /** Undefined where the path leads to nothing. */
  readonly node: unknown;
  readonly keyOffset: number;
  readonly valueOffset: number;
}

/** Follows a path as far as it goes. An empty value has no place of its own, so its key stands for it. */
function findNode(root: unknown, path: KeyPath, resolve: (node: unknown) => unknown): Found {
  let node = resolve(root);
  let keyOffset = offsetOf(node, 0);
  let valueOffset = keyOffset;
  for (const step of path) {
    let child: unknown;
    if (isMap(node)) {
      const pair = node.items.findLast(({ key }) => isScalar(key) && key.value === step);
      if (pair === undefined) return { node: undefined, keyOffset, valueOffset: keyOffset };
      keyOffset = offsetOf(pair.key, keyOffset);
      child = pair.value;
    } else if (isSeq(node) && typeof step === 'number' && step < node.items.length) {
      child = node.items[step];
      keyOffset = offsetOf(child, keyOffset);
    } else {
      return { node: undefined, keyOffset, valueOffset: keyOffset };
    }
    const empty = child === null || (isScalar(child) && (child as Scalar).source === '');
    valueOffset = empty ? keyOffset : offsetOf(child, keyOffset);
    node = resolve(child);
  }
  return { node, keyOffset, valueOffset };
}

function offsetOf(node: unknown, otherwise: number): number {
  return (node as Node | null)?.range?.[0] ?? otherwise;
}

function lastKeyBefore(root: unknown, faultOffset: number): number {
  if (!isMap(root)) return 0;
  const offsets = root.items.map(({ key }) => offsetOf(key, 0));
  return Math.max(0, ...offsets.filter((offset) => offset <= faultOffset));
}

/** The last of equal keys counts when a file is read; both are shown to whoever wrote it. */
function reportDuplicateKeys(
  node: ParsedNode | null,
  path: KeyPath,
  report: (path: KeyPath, firstOffset: number, secondOffset: number) => void,
): void {
  if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) reportDuplicateKeys(item as ParsedNode, [...path, index], report);
  }
  if (!isMap(node)) return;
  const seen = new Map<string, number>();
  for (const { key, value } of node.items) {
    const name = isScalar(key) ? String(key.value) : '';
    const offset = offsetOf(key, 0);
    const first = seen.get(name);
    if (first !== undefined) report([...path, name], first, offset);
    seen.set(name, first ?? offset);
    reportDuplicateKeys(value as ParsedNode | null, [...path, name], report);
  }
}
