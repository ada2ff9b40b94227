/*
 * The part of a question about traffic that can have an answer. A question may name any two times and any step; the work
 * for it is bounded by the time for which rows are kept and by the number of points.
 */
import type { TrafficQuery } from './historyStore.ts';

/** Points of one answer; the API allows as many. */
export const MAX_POINTS = 10_000;

const DAY_MS = 86_400_000;

/** A row may have been written by a clock that was ahead, and is removed up to some hours late. */
const MARGIN_MS = DAY_MS;

/**
 * The question limited to the time for which rows are kept, with whole milliseconds, and with a step so long that there
 * are at most `MAX_POINTS`. Undefined where nothing can be in it.
 */
export function boundedTrafficQuery(query: TrafficQuery, retentionDays: number, now: number): TrafficQuery | undefined {
  const from = Math.floor(Math.max(query.from, now - retentionDays * DAY_MS - MARGIN_MS));
  const to = Math.ceil(Math.min(query.to, now + MARGIN_MS));
  // Also false where one of them is NaN.
  if (!(from < to)) return undefined;
  const step = query.stepSeconds >= 1 ? Math.trunc(Math.min(query.stepSeconds, Number.MAX_SAFE_INTEGER / 1000)) : 1;
  const factor = Math.ceil((to - from) / 1000 / step / MAX_POINTS);
  return { ...query, from, to, stepSeconds: step * Math.max(1, factor) };
}
