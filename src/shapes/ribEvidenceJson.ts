/*
 * The evidence of where a ban's routes are, in JSON: in GoBGP's RIB or not, and sent to which peers.
 */
import { z } from 'zod';
import { toRfc3339 } from '../clock.ts';
import type { RouteEvidence } from '../mitigation/announcer.ts';
import { timeSchema } from './timeJson.ts';

export const ribEvidenceSchema = z
  .object({
    installed: z.boolean().describe("every route of the ban was in GoBGP's RIB when last looked"),
    confirmed_at: timeSchema.optional(),
    pending_since: timeSchema.optional().describe('since when a route is wanted and not seen'),
    held_back: z.string().optional().describe('why it is not announced on purpose: announcements are paused'),
    last_error: z.string().optional(),
    advertised_to: z.array(z.string()).optional().describe('peers that were sent every route of the ban'),
    not_advertised_to: z.array(z.object({ peer: z.string(), why: z.string() })).optional(),
  })
  .meta({ id: 'RibEvidence', description: 'A token with a tenant sees no peers and no errors of GoBGP.' });

export type RibEvidenceJson = z.infer<typeof ribEvidenceSchema>;

/** The evidence of a ban of several routes is that of its weakest one. */
export function ribEvidenceJson(routes: readonly RouteEvidence[]): RibEvidenceJson {
  const confirmed = routes.map(({ confirmedAt }) => confirmedAt ?? Number.NaN);
  const pending = routes.flatMap(({ pendingSince }) => (pendingSince === undefined ? [] : [pendingSince]));
  const missedBy = new Map<string, string>();
  for (const { peer, why } of routes.flatMap(({ notAdvertisedTo }) => notAdvertisedTo)) missedBy.set(peer, why);
  const sentTo = new Set(routes.flatMap(({ advertisedTo }) => advertisedTo));
  const oldest = Math.min(...confirmed);
  return {
    installed: routes.every(({ installed }) => installed),
    confirmed_at: Number.isNaN(oldest) ? undefined : toRfc3339(oldest),
    pending_since: pending.length === 0 ? undefined : toRfc3339(Math.min(...pending)),
    held_back: routes.find(({ heldBack }) => heldBack !== undefined)?.heldBack,
    last_error: routes.find(({ lastError }) => lastError !== undefined)?.lastError,
    advertised_to: [...sentTo].filter((peer) => routes.every(({ advertisedTo }) => advertisedTo.includes(peer))),
    not_advertised_to: [...missedBy].map(([peer, why]) => ({ peer, why })),
  };
}
