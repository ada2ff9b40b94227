/*
 * What happens in the life of an attack, from its first crossing of a limit to the end of the last ban that answers it.
 * One ordered stream of these events is all that the log, notifications, history and the console are made from.
 *
 * An event carries the attack and the ban as they were at that moment. It is a snapshot: it does not change while it
 * waits in a queue.
 */
import type { Attack } from '../engine/attack.ts';
import type { Ban } from '../mitigation/ban.ts';
import type { MitigationEvent } from '../mitigation/banCommit.ts';
import { routeSummary } from '../mitigation/route.ts';

/** Why an attack is reported again: its vector was found to be another one, or `notify.update_seconds` have passed. */
export type UpdateCause = 'vector' | 'progress';

/** `ban` is undefined where none answers the attack. `at` is clock milliseconds. */
export type AttackEvent = { readonly at: number; readonly attack: Attack; readonly ban: Ban | undefined } & (
  | { readonly kind: 'attack_started' | 'attack_ended' }
  | { readonly kind: 'attack_updated'; readonly cause: UpdateCause }
);

/** A ban began, changed or ended. `attack` is undefined where it answers no known attack. */
export type BanIncidentEvent = Extract<MitigationEvent, { readonly ban: Ban }> & {
  readonly attack: Attack | undefined;
};

/** Bans cannot be made durable, or can be again. */
export type StoreEvent = Exclude<MitigationEvent, { readonly ban: Ban }>;

export type IncidentEvent = AttackEvent | BanIncidentEvent | StoreEvent;

export type IncidentEventKind = IncidentEvent['kind'];

export function isAttackEvent(event: IncidentEvent): event is AttackEvent {
  return isAttackEventKind(event.kind);
}

/**
 * Whether the event is of the incident's record: its timeline and its history. Progress is not, their rates are stored
 * anyway.
 */
export function isRecorded(event: IncidentEvent): boolean {
  return event.kind !== 'attack_updated' || event.cause !== 'progress';
}

/** Whether an event of this kind is about the attack itself, and not about its ban. */
export function isAttackEventKind(kind: string): kind is AttackEvent['kind'] {
  return kind === 'attack_started' || kind === 'attack_updated' || kind === 'attack_ended';
}

/**
 * An event in words, as the detail of a timeline entry, of a stored event and of a replayed decision: one sentence or
 * less; empty where the kind of the event says enough.
 */
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

/**
 * What distinguishes events of one kind: why an attack was updated, which guard refused a ban, why it failed; else
 * empty.
 */
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
