/*
 * `GET /api/v1/attacks`: active and ended attacks. Without parameters it answers from memory; with parameters, the
 * ended attacks come from history, page by page.
 */
import { z } from 'zod';
import type { Incident } from '../incidents/incidentTable.ts';
import { ATTACK_TYPES, type AttackJson, attackJson, attackSchema } from '../shapes/attackJson.ts';
import { storedAttack } from '../shapes/storedAttack.ts';
import type { Page, PastAttack } from '../storage/history/historyStore.ts';
import type { DaemonFacade } from './daemonFacade.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import { integerParameter, targetParameter, timeParameter } from './historyQuery.ts';
import { TenantFilter } from './tenantFilter.ts';

/** Ended attacks in an answer where the request gives no limit. */
const RECENT_ATTACKS = 100;

const MAX_ATTACKS = 1000;

const querySchema = z.strictObject({
  from: timeParameter.describe('RFC 3339; attacks that lasted until then or longer'),
  to: timeParameter.describe('RFC 3339; attacks that began before then'),
  target: targetParameter,
  group: z.string().max(64).optional().describe('name of the hostgroup that owned the target, or global'),
  type: z.enum(ATTACK_TYPES).optional().describe('of the classification'),
  limit: integerParameter(1, MAX_ATTACKS).optional().describe('ended attacks at most; 100 if absent'),
  cursor: z
    .string()
    .regex(/^\d{1,16}-.{1,128}$/, 'must be the next_cursor of a page')
    .optional()
    .describe('the next_cursor of the page before'),
});

type Query = z.infer<typeof querySchema>;

export function attacksEndpoint(daemon: DaemonFacade): Endpoint {
  return endpoint({
    method: 'GET',
    path: '/api/v1/attacks',
    summary: 'Attacks in progress, and those that ended, newest first: the last 100, or what the parameters ask for',
    role: 'viewer',
    tenants: 'scoped',
    query: querySchema,
    body: z.unknown(),
    answers: {
      200: {
        description: 'Attacks, and where the next page of the ended ones begins, if there is one',
        schema: z.object({
          active: z.array(attackSchema),
          recent: z.array(attackSchema),
          next_cursor: z.string().optional(),
        }),
      },
    },
    handle: async ({ query, principal }) => {
      const filter = new TenantFilter(daemon.config(), principal);
      const config = daemon.config();
      const seen = (incidents: readonly Incident[]) => incidents.filter(({ attack }) => filter.seesAttack(attack));
      const active = seen(daemon.activeIncidents())
        .map((incident) => attackJson(incident, config))
        .filter((attack) => isAsked(attack, query));
      if (Object.values(query).every((value) => value === undefined)) {
        const ended = seen(daemon.endedIncidents()).slice(0, RECENT_ATTACKS);
        const recent = ended.map((incident) => attackJson(incident, config));
        const known = new Set([...daemon.activeIncidents(), ...ended].map(({ attack }) => attack.id));
        const earlier = daemon
          .earlierAttacks()
          .filter((attack) => !known.has(attack.id) && filter.seesAttackJson(attack));
        return { status: 200, body: { active, recent: [...recent, ...earlier].slice(0, RECENT_ATTACKS) } };
      }
      const page = await daemon.pastAttacks({
        from: query.from,
        to: query.to,
        target: query.target,
        group: query.group,
        type: query.type,
        tenant: filter.tenant,
        limit: query.limit ?? RECENT_ATTACKS,
        cursor: query.cursor,
      });
      const recent = endedAttacks(page, daemon).filter((attack) => filter.seesAttackJson(attack));
      return { status: 200, body: { active, recent, next_cursor: page.nextCursor } };
    },
  });
}

function isAsked(attack: AttackJson, { to, target, group, type }: Query): boolean {
  return (
    (to === undefined || Date.parse(attack.started_at) < to) &&
    (target === undefined || attack.target === target) &&
    (group === undefined || attack.group === group) &&
    (type === undefined || attack.classification.type === type)
  );
}

/** An attack whose end Kapkan did not see, because it was stopped before, counts as ended. */
function endedAttacks({ rows }: Page<PastAttack>, daemon: DaemonFacade): AttackJson[] {
  const active = new Set(daemon.activeIncidents().map(({ attack }) => attack.id));
  return rows
    .filter(({ id }) => !active.has(id))
    .flatMap(({ attack }) => storedAttack(attack) ?? [])
    .map((attack) => ({ ...attack, active: false }));
}
