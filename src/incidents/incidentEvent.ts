/*
 * What happens in the life of an attack, from its first crossing of a limit to the end of the last ban that answers it.
 * One ordered stream of these events is all that the log, notifications, history and the console are made from.
 *
 * An event carries the attack and the ban as they were at that moment. It is a snapshot: it does not change while it
 * waits in a queue.
 */
import type { Attack } from '../engine/attack.ts';
import type { Ban } from '../mitigation/ban.ts';
import type { MitigationEvent } from '../mitigation/mitigationEvent.ts';

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

/** Whether the event is of the incident's record: its timeline and its history. Progress is not, their rates are stored anyway. */
export function isRecorded(event: IncidentEvent): boolean {
  return event.kind !== 'attack_updated' || event.cause !== 'progress';
}

/** Whether an event of this kind is about the attack itself, and not about its ban. */
export function isAttackEventKind(kind: string): kind is AttackEvent['kind'] {
  return kind === 'attack_started' || kind === 'attack_updated' || kind === 'attack_ended';
}
