/*
 * `GET /api/v1/audit`: who changed or tried to change what.
 */
import { z } from 'zod';
import { AUDIT_ACTIONS, type AuditRow } from '../auditEvent.ts';
import { tenantReason } from '../shapes/tenantView.ts';
import { auditJson, auditSchema } from './auditLog.ts';
import type { DaemonFacade } from './daemonFacade.ts';
import { type Endpoint, endpoint, integerParameter, targetParameter, timeParameter } from './endpoint.ts';
import { TenantFilter } from './tenantFilter.ts';

const MAX_EVENTS = 1000;

const querySchema = z.strictObject({
  from: timeParameter.describe('RFC 3339; events from then on'),
  to: timeParameter.describe('RFC 3339; events before then'),
  action: z.enum(AUDIT_ACTIONS).optional(),
  target: targetParameter,
  limit: integerParameter(1, MAX_EVENTS).default(100),
  cursor: z
    .string()
    .regex(/^\d{1,16}$/, 'must be the next_cursor of a page')
    .optional()
    .describe('the next_cursor of the page before'),
});

export function auditEndpoint(daemon: DaemonFacade): Endpoint {
  return endpoint({
    method: 'GET',
    path: '/api/v1/audit',
    summary: 'Who changed or tried to change what, newest first',
    role: 'viewer',
    tenants: 'scoped',
    query: querySchema,
    body: z.unknown(),
    answers: {
      200: {
        description: 'Events, and where the next page begins, if there is one',
        schema: z.object({ events: z.array(auditSchema), next_cursor: z.string().optional() }),
      },
    },
    handle: async ({ query, principal }) => {
      const filter = new TenantFilter(daemon.config(), principal);
      const { rows, nextCursor } = await daemon.audit({
        from: query.from,
        to: query.to,
        action: query.action,
        target: query.target,
        tenant: filter.tenant,
        limit: query.limit,
        cursor: query.cursor,
      });
      const events = rows.filter((row) => isSeen(row, filter)).map((row) => auditJson(rowFor(row, filter)));
      return { status: 200, body: { events, next_cursor: nextCursor } };
    },
  });
}

/** A tenant sees changes to its hosts, and requests of its tokens that named no host. */
function isSeen({ tenant, target }: AuditRow, filter: TenantFilter): boolean {
  if (filter.isUnscoped) return true;
  if (tenant !== filter.tenant) return false;
  return target === '' || filter.seesTargetText(target);
}

/** A tenant sees why a request was malformed. Of a ban it sees the code, because the reason may name others. */
function rowFor(row: AuditRow, filter: TenantFilter): AuditRow {
  if (filter.isUnscoped || row.banState === '') return row;
  return { ...row, reason: tenantReason(row.code) };
}
