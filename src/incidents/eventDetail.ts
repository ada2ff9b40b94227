/*
 * An incident event in words: the detail of a timeline entry, of a stored event and of a replayed decision.
 */
import { routeSummary } from '../mitigation/routeText.ts';
import type { IncidentEvent } from './incidentEvent.ts';

/** One sentence or less; empty where the kind of the event says enough. */
export function eventDetail(event: IncidentEvent): string {
  switch (event.kind) {
    case 'attack_started':
      return event.attack.reason.text;
    case 'attack_updated': {
      const { classification, metric, rate, peakRate, startedAt } = event.attack;
      if (event.cause === 'vector') return `the vector is ${classification.type} now`;
      const seconds = Math.round((event.at - startedAt) / 1000);
      return `active for ${seconds} s, ${metric} ${Math.round(rate)}, peak ${Math.round(peakRate)}`;
    }
    case 'attack_ended': {
      const { metric, peakRate, startedAt } = event.attack;
      return `lasted ${Math.round((event.at - startedAt) / 1000)} s, peak ${metric} ${Math.round(peakRate)}`;
    }
    case 'ban_started': {
      const { fellBackReason } = event.ban;
      return [routeSummary(event.ban), ...(fellBackReason === undefined ? [] : [fellBackReason])].join('; ');
    }
    case 'ban_changed': {
      const { fellBackReason } = event.ban;
      const why = event.change === 'fallback' ? `: ${fellBackReason ?? 'unknown'}` : '';
      return `${CHANGES[event.change]}${why}; ${routeSummary(event.ban)}`;
    }
    case 'ban_ended':
    case 'ban_rejected':
      return event.ban.reason;
    case 'ban_confirmed':
      return "every route was read back from GoBGP's RIB";
    case 'ban_advertised':
      return `sent to ${event.peers.join(', ')}`;
    case 'ban_unconfirmed':
    case 'ban_failed':
    case 'store_failed':
      return event.reason;
    case 'ban_recovered':
    case 'store_recovered':
      return '';
  }
}

/** What distinguishes events of one kind: why an attack was updated, which guard refused a ban, why it failed; else empty. */
export function eventCode(event: IncidentEvent): string {
  if (event.kind === 'attack_updated') return event.cause;
  if (event.kind === 'ban_changed') return event.change;
  if (event.kind === 'ban_failed') return event.cause;
  if (event.kind === 'ban_rejected') return event.ban.rejectedBy ?? '';
  if (event.kind === 'ban_ended') return event.ban.endedBy?.code ?? '';
  return '';
}

/** How a ban changed, in words. */
export const CHANGES = {
  rung: 'next rung of the escalation',
  fallback: 'fell back',
  return: 'returned to its method',
  rules: "the rules follow the attack's vector",
  config: 'follows the config in force',
} as const;
