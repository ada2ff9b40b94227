/*
 * What YAML allows and the config file does not: whatever another reader of YAML, or a person, may read differently.
 */
import { type Document, isMap, isScalar, type Scalar } from 'yaml';
import type { KeyPath } from '../keyPath.ts';
import { isQuoted, offsetOf, pathAt, walkNodes } from './yamlNodes.ts';
import type { YamlToken } from './yamlTokens.ts';

export interface YamlFault {
  readonly offset: number;
  readonly path: KeyPath;
  readonly message: string;
  /** It is about how the value is written, so nothing else needs to be said about that value. */
  readonly isForm?: true;
}

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
