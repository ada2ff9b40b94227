/*
 * Audit events in memory, in the place of the history.
 */
import type { AuditArchive, AuditEvent, AuditPage, AuditQuery, AuditSink } from '../../src/auditEvent.ts';

export class AuditMemory implements AuditSink, AuditArchive {
  /** Oldest first. */
  readonly #events: { readonly sequence: number; readonly event: AuditEvent }[] = [];
  #sequence = 0;

  record(event: AuditEvent): void {
    this.#events.push({ sequence: ++this.#sequence, event });
  }

  async audit(query: AuditQuery): Promise<AuditPage> {
    const { limit, cursor } = query;
    const matching = this.#events.filter(
      ({ sequence, event }) => (cursor === undefined || sequence < Number(cursor)) && isAsked(event, query),
    );
    const shown = matching.reverse().slice(0, limit);
    return {
      rows: shown.map(({ event }) => event),
      nextCursor: matching.length > limit ? String(shown[shown.length - 1].sequence) : undefined,
    };
  }
}

function isAsked({ eventTime, ...event }: AuditEvent, { from, to, action, target, tenant }: AuditQuery): boolean {
  return (
    (from === undefined || eventTime >= from) &&
    (to === undefined || eventTime < to) &&
    (action === undefined || event.action === action) &&
    (target === undefined || event.target === target) &&
    (tenant === undefined || event.tenant === tenant)
  );
}
