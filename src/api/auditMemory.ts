/*
 * The newest audit events, in memory: what `GET /api/v1/audit` answers from where nothing else keeps them.
 */
import type { AuditArchive, AuditEvent, AuditQuery, AuditSink } from '../auditEvent.ts';

/** About half a megabyte at most; an operator's month. */
const CAPACITY = 1000;

export class AuditMemory implements AuditSink, AuditArchive {
  /** Oldest first. */
  readonly #events: AuditEvent[] = [];

  record(event: AuditEvent): void {
    this.#events.push(event);
    if (this.#events.length > CAPACITY) this.#events.shift();
  }

  async audit({ from, to, action, target, limit, offset }: AuditQuery): Promise<AuditEvent[]> {
    return this.#events
      .filter(
        (event) =>
          (from === undefined || event.at >= from) &&
          (to === undefined || event.at <= to) &&
          (action === undefined || event.action === action) &&
          (target === undefined || event.target === target),
      )
      .reverse()
      .slice(offset, offset + limit);
  }
}
