/*
 * `GET /api/v1/attacks`: active and ended attacks, and `GET /api/v1/attacks/{id}`: one of them with its timeline.
 * Without parameters the first answers from memory; with parameters, the ended attacks come from history, page by page.
 */
import { z } from 'zod';
import { isAttackEventKind } from '../incidents/incidentEvent.ts';
import type { Incident } from '../incidents/incidentTable.ts';
import {
  ATTACK_TYPES,
  type AttackJson,
  attackJson,
  attackSchema,
  type TimelineEntryJson,
  timelineEntryJson,
  timelineEntrySchema,
} from '../shapes/attackJson.ts';
import { storedAttack } from '../shapes/storedAttack.ts';
import { tenantAttack, tenantReason } from '../shapes/tenantView.ts';
import type { Page, PastAttack, PastIncident } from '../storage/history/historyStore.ts';
import { ApiError } from './apiError.ts';
import type { DaemonFacade } from './daemonFacade.ts';
import { type Endpoint, endpoint, integerParameter, targetParameter, timeParameter } from './endpoint.ts';
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
        .map((incident) => attackFor(attackJson(incident, config), filter))
        .filter((attack) => isAsked(attack, query));
      if (Object.values(query).every((value) => value === undefined)) {
        const ended = seen(daemon.endedIncidents()).slice(0, RECENT_ATTACKS);
        const recent = ended.map((incident) => attackJson(incident, config));
        const known = new Set([...daemon.activeIncidents(), ...ended].map(({ attack }) => attack.id));
        const earlier = daemon
          .earlierAttacks()
          .filter((attack) => !known.has(attack.id) && filter.seesAttackJson(attack));
        const newest = [...recent, ...earlier].slice(0, RECENT_ATTACKS).map((attack) => attackFor(attack, filter));
        return { status: 200, body: { active, recent: newest } };
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
      const shown = recent.map((attack) => attackFor(attack, filter));
      return { status: 200, body: { active, recent: shown, next_cursor: page.nextCursor } };
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

export function attackEndpoint(daemon: DaemonFacade): Endpoint {
  return endpoint({
    method: 'GET',
    path: '/api/v1/attacks/{id}',
    summary: 'One attack, active or from history, with its timeline',
    role: 'viewer',
    tenants: 'scoped',
    query: z.strictObject({ id: z.string().max(128).describe('of the attack') }),
    body: z.unknown(),
    answers: {
      200: {
        description: 'The attack; its timeline is oldest first',
        schema: attackSchema.extend({ timeline: z.array(timelineEntrySchema) }),
      },
      404: { description: 'There is no such attack', schema: z.object({ error: z.string() }) },
    },
    handle: async ({ query: { id }, principal }) => {
      const past = await pastIncident(id, daemon);
      const filter = new TenantFilter(daemon.config(), principal);
      const attack = currentAttack(id, daemon, filter) ?? endedAttack(past, filter);
      if (attack === undefined) {
        // The same message whether or not another tenant has such an attack.
        if (!filter.isUnscoped) throw new ApiError('forbidden', "this attack does not belong to the token's tenant");
        throw new ApiError('not_found', `there is no attack ${id}`);
      }
      const timeline = wholeTimeline(past, id, daemon).map((entry) => entryFor(entry, filter));
      return { status: 200, body: { ...attackFor(attack, filter), timeline } };
    },
  });
}

/** Where history does not answer, only what is in memory is returned. */
async function pastIncident(id: string, daemon: DaemonFacade): Promise<PastIncident | undefined> {
  try {
    return await daemon.pastAttack(id);
  } catch (error) {
    if (error instanceof ApiError && daemon.incident(id) !== undefined) return undefined;
    throw error;
  }
}

function currentAttack(id: string, daemon: DaemonFacade, filter: TenantFilter): AttackJson | undefined {
  const incident = daemon.incident(id);
  if (incident === undefined || !filter.seesAttack(incident.attack)) return undefined;
  return attackJson(incident, daemon.config());
}

/** Kapkan may have ended before it saw the end of the attack. */
function endedAttack(past: PastIncident | undefined, filter: TenantFilter): AttackJson | undefined {
  const stored = past && storedAttack(past.attack);
  return stored && filter.seesAttackJson(stored) ? { ...stored, active: false } : undefined;
}

/** History has what happened before the last restart; memory has what was not written yet. */
function wholeTimeline(past: PastIncident | undefined, id: string, daemon: DaemonFacade): TimelineEntryJson[] {
  const stored = past?.timeline.map(({ time, ...event }) => timelineEntryJson({ at: time, ...event })) ?? [];
  const current = daemon.incident(id)?.timeline.entries().map(timelineEntryJson) ?? [];
  const known = new Set(stored.map(keyOf));
  const entries = [...stored, ...current.filter((entry) => !known.has(keyOf(entry)))];
  return entries.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

function keyOf({ at, event, code, detail }: TimelineEntryJson): string {
  return JSON.stringify([at, event, code, detail]);
}

function attackFor(attack: AttackJson, filter: TenantFilter): AttackJson {
  return filter.isUnscoped ? attack : tenantAttack(attack);
}

/** A tenant does not see peers, limits and errors of the whole deployment. */
function entryFor(entry: TimelineEntryJson, filter: TenantFilter): TimelineEntryJson {
  if (filter.isUnscoped || isAttackEventKind(entry.event)) return entry;
  return { ...entry, detail: tenantReason(entry.code) };
}
