/*
 * Which parts of the configuration a running daemon cannot change: sockets, threads, and what is sized or opened once
 * at start. A reload that touches one of them is refused as a whole, so that what runs is always one file.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.ts';
import { SECTIONS } from './sections.ts';

type ReadPart = (config: Config) => unknown;
interface ReloadTable {
  readonly [key: string]: 'live' | ReadPart | ReloadTable;
}

/** The keys that differ and need a restart, by their names in the file; empty if `next` may replace `running` live. */
export function reloadProblems(running: Config, next: Config): string[] {
  const fixed = SECTIONS.flatMap(({ reload }) => fixedKeys(reload as ReloadTable | 'live' | ReadPart, ''));
  return fixed.filter(([, read]) => !isDeepStrictEqual(read(running), read(next))).map(([key]) => key);
}

function fixedKeys(reload: ReloadTable | 'live' | ReadPart, key: string): [key: string, read: ReadPart][] {
  if (reload === 'live') return [];
  if (typeof reload === 'function') return [[key, reload]];
  return Object.entries(reload).flatMap(([name, below]) => fixedKeys(below, key === '' ? name : `${key}.${name}`));
}
