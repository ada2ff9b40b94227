/*
 * What happened to one attack, oldest first, in bounded memory.
 */
import { eventCode, eventDetail } from './eventDetail.ts';
import type { IncidentEvent, IncidentEventKind } from './incidentEvent.ts';

/** A ban that flaps for a day makes more entries than people read; the first ones and the newest are kept. */
export const MAX_ENTRIES = 100;
export const FIRST_ENTRIES = 20;

export interface TimelineEntry {
  /** Clock milliseconds. */
  readonly at: number;
  readonly event: IncidentEventKind;
  /** See `eventCode`. */
  readonly code: string;
  readonly detail: string;
}

export class Timeline {
  readonly #entries: TimelineEntry[] = [];

  add(event: IncidentEvent): void {
    if (this.#entries.length === MAX_ENTRIES) this.#entries.splice(FIRST_ENTRIES, 1);
    this.#entries.push({ at: event.at, event: event.kind, code: eventCode(event), detail: eventDetail(event) });
  }

  entries(): readonly TimelineEntry[] {
    return this.#entries;
  }
}
