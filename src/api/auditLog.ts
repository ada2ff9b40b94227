/*
 * The audit of every mutation, refused ones included: who requested what, and what the result was. Each event is
 * kept for `GET /api/v1/audit`, and is one structured log line under the key `audit`, in the fields of the contract.
 */
import { z } from 'zod';
import type { AuditEvent, AuditRow, AuditSink } from '../auditEvent.ts';
import { toRfc3339 } from '../clock.ts';
import type { Logger } from '../log.ts';
import { timeSchema } from '../shapes/timeJson.ts';

/** A row of the audit in JSON, for the API and for the log. */
export const auditSchema = z
  .object({
    event_time: timeSchema,
    action: z.string().describe('ban, unban, config_reload, notify_test, pause, resume'),
    result: z.string().describe('active, rejected, withdrawn, ok or error'),
    operator: z.string().describe('name of the token, or of the signal; empty for a caller without a valid token'),
    role: z.string(),
    tenant: z.string().describe('of the token; of the target, for a token that sees every tenant'),
    target: z.string(),
    target_type: z.string().describe('host, config, notify, announcements'),
    reason: z.string().describe('why it was refused, or the ban ended'),
    source: z.string().describe('api, cli or signal'),
    ban_state: z.string().describe('of the ban that was made, refused or ended; else empty'),
    dry_run: z.boolean(),
  })
  .meta({ id: 'AuditEvent', description: 'Texts are empty where they do not apply.' });

export type AuditJson = z.infer<typeof auditSchema>;

export function auditJson(row: AuditRow): AuditJson {
  return {
    event_time: toRfc3339(row.eventTime),
    action: row.action,
    result: row.result,
    operator: row.operator,
    role: row.role,
    tenant: row.tenant,
    target: row.target,
    target_type: row.targetType,
    reason: row.reason,
    source: row.source,
    ban_state: row.banState,
    dry_run: row.dryRun,
  };
}

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
