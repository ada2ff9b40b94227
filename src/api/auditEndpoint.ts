/*
 * `GET /api/v1/audit`: who changed what, or tried to.
 */
import { z } from 'zod';
import { AUDIT_ACTIONS, type AuditRow } from '../auditEvent.ts';
import type { DaemonView } from './daemonView.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import { integerParameter, targetParameter, timeParameter } from './historyQuery.ts';
import { TenantSight } from './tenantSight.ts';
import { auditSchema, auditView } from './views/auditView.ts';
import { tenantReason } from './views/tenantReason.ts';

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

export function auditEndpoint(daemon: DaemonView): Endpoint {
  return endpoint({
    method: 'GET',
    path: '/api/v1/audit',
    summary: 'Who changed what or tried to, newest first',
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
    handle: async ({ query, asker }) => {
      const sight = new TenantSight(daemon.config(), asker);
      const { rows, nextCursor } = await daemon.audit({
        from: query.from,
        to: query.to,
        action: query.action,
        target: query.target,
        tenant: sight.tenant,
        limit: query.limit,
        cursor: query.cursor,
      });
      const events = rows.filter((row) => isSeen(row, sight)).map((row) => viewFor(row, sight));
      return { status: 200, body: { events, next_cursor: nextCursor } };
    },
  });
}

/** A tenant sees what was done to its hosts, and what its tokens asked for that named no host. */
function isSeen({ tenant, target }: AuditRow, sight: TenantSight): boolean {
  if (sight.isUnscoped) return true;
  if (tenant !== sight.tenant) return false;
  return target === '' || sight.seesTargetText(target);
}

function viewFor(row: AuditRow, sight: TenantSight) {
  return auditView(sight.isUnscoped ? row : { ...row, reason: tenantReason(row.reason) });
}
