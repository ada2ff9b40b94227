/*
 * Walks over a parsed YAML document: from a key's path to its node and place in the text, and from a place to a path.
 */
import { isMap, isScalar, isSeq, type Node, type Scalar } from 'yaml';
import type { KeyPath } from '../keyPath.ts';

export interface FoundNode {
  /** Undefined where the path leads to nothing. */
  readonly node: unknown;
  /** Whether an alias stands for the node itself. */
  readonly isAliased: boolean;
  readonly keyOffset: number;
  readonly valueOffset: number;
}

/** Follows a path as far as it goes. An empty value has no place of its own, so its key stands for it. */
export function findNode(root: unknown, path: KeyPath, resolve: (node: unknown) => unknown): FoundNode {
  let node = resolve(root);
  let isAliased = false;
  let keyOffset = offsetOf(node, 0);
  let valueOffset = keyOffset;
  for (const step of path) {
    let child: unknown;
    if (isMap(node)) {
      const pair = node.items.findLast(({ key }) => isScalar(key) && key.value === step);
      if (pair === undefined) return { node: undefined, isAliased, keyOffset, valueOffset: keyOffset };
      keyOffset = offsetOf(pair.key, keyOffset);
      child = pair.value;
    } else if (isSeq(node) && typeof step === 'number' && step < node.items.length) {
      child = node.items[step];
      keyOffset = offsetOf(child, keyOffset);
    } else {
      return { node: undefined, isAliased, keyOffset, valueOffset: keyOffset };
    }
    const isEmpty = child === null || (isScalar(child) && (child as Scalar).source === '');
    valueOffset = isEmpty ? keyOffset : offsetOf(child, keyOffset);
    node = resolve(child);
    isAliased = node !== child;
  }
  return { node, isAliased, keyOffset, valueOffset };
}

/** The path of the key or list element that a place in the text belongs to; empty before the first key. */
export function pathAt(root: unknown, offset: number): KeyPath {
  const path: (string | number)[] = [];
  let node = root;
  for (;;) {
    if (isMap(node)) {
      const pair = node.items.findLast(({ key }) => offsetOf(key, 0) <= offset);
      if (pair === undefined || !isScalar(pair.key)) return path;
      path.push(String(pair.key.value));
      node = pair.value;
    } else if (isSeq(node)) {
      const index = node.items.findLastIndex((item) => offsetOf(item, Number.POSITIVE_INFINITY) <= offset);
      if (index < 0) return path;
      path.push(index);
      node = node.items[index];
    } else return path;
    if (offsetOf(node, Number.POSITIVE_INFINITY) > offset) return path;
  }
}

export function offsetOf(node: unknown, otherwise: number): number {
  return (node as Node | null)?.range?.[0] ?? otherwise;
}

/** Calls `visit` for every key and value below a node, deeper ones after their parents. Aliases are not followed. */
export function walkNodes(root: unknown, visit: (node: unknown, path: KeyPath, isKey: boolean) => void): void {
  // A list of what is left to do, since a file may be nested more deeply than the stack.
  const open: { node: unknown; path: KeyPath }[] = [{ node: root, path: [] }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, path } = next;
    visit(node, path, false);
    if (isSeq(node)) {
      for (const [index, item] of [...node.items.entries()].reverse())
        open.push({ node: item, path: [...path, index] });
    }
    if (!isMap(node)) continue;
    for (const { key, value } of [...node.items].reverse()) {
      const name = isScalar(key) ? String(key.value) : '';
      open.push({ node: value, path: [...path, name] });
    }
    for (const { key } of node.items) visit(key, [...path, isScalar(key) ? String(key.value) : ''], true);
  }
}

export function isQuoted(node: unknown): node is Scalar {
  return isScalar(node) && (node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE');
}
