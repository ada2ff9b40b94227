/*
 * What happened to an attack, in JSON, oldest first.
 */
import { z } from 'zod';
import { toRfc3339 } from '../clock.ts';
import type { TimelineEntry } from '../incidents/timeline.ts';
import { timeSchema } from './timeJson.ts';

export const timelineEntrySchema = z
  .object({
    at: timeSchema,
    event: z.string().describe('such as attack_started, ban_started, ban_confirmed, ban_ended'),
    code: z.string().optional().describe('the safety rule that refused a ban, what ended it, how it changed'),
    detail: z.string().describe('for a person'),
  })
  .meta({ id: 'TimelineEntry' });

export type TimelineEntryJson = z.infer<typeof timelineEntrySchema>;

/** Of an entry in memory, or one that history gave back. */
export function timelineEntryJson({
  at,
  event,
  code,
  detail,
}: Omit<TimelineEntry, 'event'> & { event: string }): TimelineEntryJson {
  return { at: toRfc3339(at), event, code: code === '' ? undefined : code, detail };
}
