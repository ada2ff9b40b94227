/*
 * Bounds a traffic query. A query may name any two times and any step; it is limited to the retention and to a number of
 * points, so that no query takes too long.
 */
import type { TrafficQuery } from './historyStore.ts';

/** Most points of one answer. The API refuses a query for more. */
export const MAX_POINTS = 10_000;

const DAY_MS = 86_400_000;

/** A row may have been written while the clock was ahead, and is deleted up to some hours late. */
const MARGIN_MS = DAY_MS;

/**
 * The query limited to the retention, with whole milliseconds, and with a step that gives at most `MAX_POINTS` points.
 * Undefined where no row can be in it.
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
