/*
 * Times in JSON: RFC 3339 in UTC; absent where there is none.
 */
import { z } from 'zod';
import { toRfc3339 } from '../clock.ts';

export const timeSchema = z.iso.datetime().meta({ id: 'Time', description: 'RFC 3339, UTC.' });

/** `ms` is clock milliseconds. */
export function optionalTime(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : toRfc3339(ms);
}
