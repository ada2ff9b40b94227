/*
 * The series of a host: its traffic in each of the last 64 buckets, the oldest first, the one in progress last. Windows
 * are cut out of it: the window that ends now slides with time, as in `rateWindow.ts`; earlier ones end with a bucket.
 *
 * Earlier windows are looked at too, because traffic may be reported late: the packets of a flood of short flows are
 * reported when the exporter's inactive timeout is over, 15 s later or more.
 */
import { BUCKET_VALUES } from './trafficCounters.ts';
import { HISTORY_BUCKETS, LATEST_BUCKETS } from './trafficHistory.ts';

/** Buckets in the length of the configured window. */
export const WINDOW_BUCKETS = 4;

/** The bucket in progress, by its place in a series. */
export const LAST_PLACE = HISTORY_BUCKETS - 1;

/** The earliest place at which a window ends that is judged. */
export const FIRST_END = LAST_PLACE - LATEST_BUCKETS;

/** No window is over the limit. */
export const NO_WINDOW = -1;

/**
 * The sum of a column over `buckets` buckets, of which the last is at place `end`. `elapsed` is the part of the bucket
 * in progress that has passed, 0 to 1.
 */
export function windowSum(series: Float64Array, column: number, end: number, buckets: number, elapsed: number): number {
  let sum = 0;
  for (let place = end - buckets + 1; place <= end; place++) sum += series[place * BUCKET_VALUES + column];
  if (end === LAST_PLACE) sum += (1 - elapsed) * series[(end - buckets) * BUCKET_VALUES + column];
  return sum;
}

/** The place at which the latest window ends whose sum of the column is over `most`, or `NO_WINDOW`. */
export function latestOver(series: Float64Array, column: number, most: number, elapsed: number): number {
  for (let end = LAST_PLACE; end >= FIRST_END; end--) {
    if (windowSum(series, column, end, WINDOW_BUCKETS, elapsed) > most) return end;
  }
  return NO_WINDOW;
}
