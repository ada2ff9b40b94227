/*
 * `GET /api/v1/attacks/{id}`: one attack, active or past, and what happened, when.
 */
import { z } from 'zod';
import { isAttackEventKind } from '../incidents/incidentEvent.ts';
import {
  type AttackJson,
  attackJson,
  attackSchema,
  type TimelineEntryJson,
  timelineEntryJson,
  timelineEntrySchema,
} from '../shapes/attackJson.ts';
import { storedAttack } from '../shapes/storedAttack.ts';
import type { PastIncident } from '../storage/history/historyStore.ts';
import { ApiError } from './apiError.ts';
import type { DaemonFacade } from './daemonFacade.ts';
import { type Endpoint, endpoint } from './endpoint.ts';
import { TenantFilter } from './tenantFilter.ts';
import { tenantReason } from './tenantReason.ts';

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
      return { status: 200, body: { ...attack, timeline } };
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

/** A tenant does not see peers, limits and errors of the whole deployment. */
function entryFor(entry: TimelineEntryJson, filter: TenantFilter): TimelineEntryJson {
  if (filter.isUnscoped || isAttackEventKind(entry.event)) return entry;
  return { ...entry, detail: tenantReason(entry.code) };
}
