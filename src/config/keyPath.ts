/*
 * Where a key stands in the config file: the names and list indexes that lead to it.
 */

/** `['hostgroups', 2, 'ban', 'ttl_seconds']` */
export type KeyPath = readonly (string | number)[];

/** `hostgroups[2].ban.ttl_seconds` */
export function formatKeyPath(keyPath: KeyPath): string {
  return keyPath.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

/** What was written at the path, undefined where nothing was. */
export function valueAt(root: unknown, path: KeyPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

/** The path of a list's element, or of the single value that was written in place of the list. */
export function writtenPath(root: unknown, path: KeyPath): KeyPath {
  const parent = path.slice(0, -1);
  const isIndex = typeof path.at(-1) === 'number';
  return isIndex && !Array.isArray(valueAt(root, parent)) ? parent : path;
}
