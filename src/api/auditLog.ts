/*
 * The audit of every mutation, refused ones included: who requested what, and what the result was. Each event is
 * kept for `GET /api/v1/audit`, and is one structured log line under the key `audit`, in the fields of the contract.
 */
import type { AuditEvent, AuditSink } from '../auditEvent.ts';
import type { Logger } from '../log.ts';
import { auditJson } from './auditJson.ts';

export class AuditLog implements AuditSink {
  readonly #logger: Logger;
  readonly #sink: AuditSink;

  constructor(logger: Logger, sink: AuditSink) {
    this.#logger = logger;
    this.#sink = sink;
  }

  record(event: AuditEvent): void {
    this.#sink.record(event);
    const { action, target, result, client } = event;
    const level = result === 'rejected' || result === 'error' ? 'warn' : 'info';
    const audit = { ...auditJson(event), client };
    this.#logger[level]({ audit }, `${action} ${target === '' ? '' : `${target} `}${result}`);
  }
}
