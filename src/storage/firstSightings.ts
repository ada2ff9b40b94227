/*
 * When `withdraw --expired` first saw a stored time that cannot be trusted: that of a ban saved while the clock was ahead,
 * or of a ban whose end cannot be read. Its lifetime is counted from then. A timer runs the command again and again, so
 * the sightings are kept in a file.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { requireRegularFile } from './regularFile.ts';

/**
 * Epoch milliseconds of each name's first sighting; `now` for a new name. Other names are deleted.
 * A new name is left out where the file cannot be written.
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
