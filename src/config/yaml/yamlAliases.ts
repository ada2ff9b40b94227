/*
 * What the aliases (*name) of a YAML document stand for. They may be used, but not to make a small file a huge value,
 * which would stop the daemon for seconds at a reload.
 */
import { type Document, isAlias, isNode } from 'yaml';
import type { YamlFault } from './yamlFaults.ts';
import { offsetOf, walkNodes } from './yamlNodes.ts';
import type { YamlToken } from './yamlTokens.ts';

const MAX_ALIAS_COUNT = 100;
/** Keys and values that all aliases together may stand for. */
const MAX_ALIASED_VALUES = 100_000;

export interface Aliases {
  /** What each alias stands for. */
  readonly targets: ReadonlyMap<unknown, unknown>;
  readonly faults: readonly YamlFault[];
}

/** An alias stands for the last node before it with an anchor of its name. Too many are not even looked at. */
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
