/*
 * The stored state with bounded expiries, for a reader that cannot ask the daemon. A ban expires at most its lifetime
 * after it was saved. A ban that was saved in the future expires at most its lifetime after this command first saw it.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Ban } from '../mitigation/ban.ts';
import { requireRegularFile } from './stateDirectory.ts';
import type { StoredState } from './storedState.ts';

/** The clock of one machine is corrected by less than this between a save and a read. */
const TOLERANCE_MS = 60_000;

/** The lifetime of a damaged ban whose own lifetime cannot be read. */
const UNKNOWN_LIFE_MS = 86_400_000;

export function boundedState(state: StoredState, directory: string, now: number): StoredState {
  const active = state.bans.filter((ban) => ban.state === 'active' && !ban.dryRun);
  const early = new Set(active.filter((ban) => storedAt(ban, state) > now + TOLERANCE_MS).map(({ id }) => `ban ${id}`));
  const endless = state.damaged.filter(({ expiresAt }) => expiresAt === undefined).map(({ id }) => `damaged ${id}`);
  const sightings = firstSightings(directory, [...early, ...endless], now);
  return {
    ...state,
    bans: state.bans.map((ban) => {
      if (ban.state !== 'active') return ban;
      const life = lifeMs(ban, state);
      const name = `ban ${ban.id}`;
      // Where its first sighting cannot be stored, it ends now; otherwise it would never end.
      if (early.has(name)) return { ...ban, expiresAt: Math.min(ban.expiresAt, (sightings.get(name) ?? -life) + life) };
      const savedAt = state.records.get(ban.id)?.savedAt;
      return savedAt === undefined ? ban : { ...ban, expiresAt: Math.min(ban.expiresAt, savedAt + life) };
    }),
    damaged: state.damaged.map((ban) => {
      if (ban.expiresAt !== undefined) return { ...ban, expiresAt: Math.min(ban.expiresAt, now + UNKNOWN_LIFE_MS) };
      const seenAt = sightings.get(`damaged ${ban.id}`);
      return { ...ban, expiresAt: seenAt === undefined ? undefined : seenAt + UNKNOWN_LIFE_MS };
    }),
  };
}

/** The latest past moment in the stored ban. */
function storedAt({ id, startedAt, lastSeenAt }: Ban, { records }: StoredState): number {
  return Math.max(startedAt, lastSeenAt ?? 0, records.get(id)?.savedAt ?? 0);
}

function lifeMs({ id, plan }: Ban, { records }: StoredState): number {
  return records.get(id)?.lifeMs ?? Math.max(plan.ttlSeconds, plan.unbanHysteresisSeconds) * 1000;
}

/**
 * When this command first saw a stored time that cannot be trusted: that of a ban saved while the clock was ahead, or
 * of a ban whose end cannot be read. Its lifetime is counted from then. A timer runs the command repeatedly, so the
 * sightings are kept in a file.
 *
 * Epoch milliseconds of each name's first sighting; `now` for a new name. Other names are deleted. A new name is left
 * out where the file cannot be written.
 */
function firstSightings(directory: string, names: readonly string[], now: number): Map<string, number> {
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
