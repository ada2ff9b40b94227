/*
 * When `withdraw --expired` first met a stored time that cannot be trusted: a ban saved by a clock that was ahead, or one
 * that does not tell its end. Its life is counted from there, and that has to outlast the command, which a timer runs.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { requireRegularFile } from './regularFile.ts';

/**
 * Epoch milliseconds of each name's first sighting, `now` for a new one. Names that are not asked for are forgotten.
 * A new one is left out where it cannot be written down.
 */
export function firstSightings(directory: string, names: readonly string[], now: number): Map<string, number> {
  const file = path.join(directory, 'kapkan.sightings');
  const before = readSightings(file);
  const sightings = new Map(names.map((name) => [name, Math.min(before.get(name) ?? now, now)]));
  if (names.length === 0 && before.size === 0) return sightings;
  try {
    if (names.length === 0) rmSync(file, { force: true });
    else {
      writeFileSync(`${file}.new`, JSON.stringify([...sightings]), { mode: 0o600 });
      renameSync(`${file}.new`, file);
    }
    return sightings;
  } catch {
    return new Map([...sightings].filter(([name]) => before.has(name)));
  }
}

function readSightings(file: string): Map<string, number> {
  try {
    requireRegularFile(file);
    if (!existsSync(file)) return new Map();
    const entries = JSON.parse(readFileSync(file, 'utf8')) as [string, number][];
    return new Map(entries.filter(([name, at]) => typeof name === 'string' && Number.isFinite(at)));
  } catch {
    return new Map();
  }
}
