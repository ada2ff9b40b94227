/*
 * The incidents: each attack with the ban that answers it and its timeline. This is the only place where attacks and
 * bans are joined.
 */
import type { Attack } from '../engine/attack.ts';
import type { Ban } from '../mitigation/ban.ts';
import { eventCode, eventDetail, type IncidentEvent, type IncidentEventKind, isRecorded } from './incidentEvent.ts';

/** A ban that flaps for a day makes more entries than anyone reads. The first ones and the newest are kept. */
export const MAX_ENTRIES = 100;
export const FIRST_ENTRIES = 20;

export interface TimelineEntry {
  /** Clock milliseconds. */
  readonly at: number;
  readonly event: IncidentEventKind;
  /** See `eventCode`. */
  readonly code: string;
  readonly detail: string;
}

/** What happened to one attack, oldest first, in bounded memory. */
export class Timeline {
  readonly #entries: TimelineEntry[] = [];

  add(event: IncidentEvent): void {
    if (this.#entries.length === MAX_ENTRIES) this.#entries.splice(FIRST_ENTRIES, 1);
    this.#entries.push({ at: event.at, event: event.kind, code: eventCode(event), detail: eventDetail(event) });
  }

  entries(): readonly TimelineEntry[] {
    return this.#entries;
  }
}

/** Ended incidents that are kept: a ban may end after its attack, and operators look at them later. */
const KEPT_ENDED = 1000;

export interface Incident {
  /** As the detector has it: its rates are current while it is active. */
  readonly attack: Attack;
  /** The newest ban that answers the attack, made for it or by hand on its target; undefined where there is none. */
  readonly ban: Ban | undefined;
  readonly timeline: Timeline;
}

interface Entry extends Incident {
  ban: Ban | undefined;
}

export class IncidentTable {
  readonly #byAttack = new Map<string, Entry>();
  /** Active attacks, by the text of the target. */
  readonly #byTarget = new Map<string, Entry>();
  /** Ids of ended attacks, oldest first. */
  readonly #ended: string[] = [];

  /** Enters an attack with the ban that answers it, if there is one. */
  open(attack: Attack, ban: Ban | undefined): void {
    const entry: Entry = { attack, ban, timeline: new Timeline() };
    this.#byAttack.set(attack.id, entry);
    this.#byTarget.set(attack.targetText, entry);
  }

  /** The attack ended; it is kept for a while. */
  close(attack: Attack): void {
    if (this.#byTarget.get(attack.targetText)?.attack.id === attack.id) this.#byTarget.delete(attack.targetText);
    this.#ended.push(attack.id);
    if (this.#ended.length > KEPT_ENDED) this.#byAttack.delete(this.#ended.shift() ?? '');
  }

  /**
   * Enters a new or changed ban at the attack that it answers, and returns that attack; undefined where none is known.
   */
  enterBan(ban: Ban): Attack | undefined {
    const entry = ban.attackId === undefined ? this.#byTarget.get(ban.targetText) : this.#byAttack.get(ban.attackId);
    if (entry === undefined) return undefined;
    if (entry.ban === undefined || ban.id === entry.ban.id || takesPlaceOf(ban, entry.ban)) entry.ban = ban;
    return entry.attack;
  }

  /** Adds an event to the timeline of its attack, if it belongs there. */
  record(event: IncidentEvent): void {
    if (!isRecorded(event)) return;
    if ('attack' in event && event.attack !== undefined) this.#byAttack.get(event.attack.id)?.timeline.add(event);
  }

  of(attackId: string): Incident | undefined {
    return this.#byAttack.get(attackId);
  }

  banOf(attackId: string): Ban | undefined {
    return this.#byAttack.get(attackId)?.ban;
  }

  /** The incidents whose attack is active, in the order in which the attacks were found. */
  active(): Incident[] {
    return [...this.#byTarget.values()];
  }

  /** The incidents whose attack ended, newest first. */
  ended(): Incident[] {
    return this.#ended.toReversed().flatMap((id) => this.#byAttack.get(id) ?? []);
  }
}

/** Neither an older ban nor one that was refused takes the place of the ban that answers the attack now. */
function takesPlaceOf(ban: Ban, current: Ban): boolean {
  if (ban.state === 'rejected' && current.state === 'active') return false;
  return ban.startedAt >= current.startedAt;
}

/** How often due progress is searched for; `notify.update_seconds` is in whole seconds. */
const LOOK_EVERY_MS = 1000;

/** When the progress of a lasting attack is due: once after each period of `notify.update_seconds`. */
export class AttackProgress {
  #lookedAt: number | undefined;

  /**
   * The attacks that completed a period since the last call. Periods are counted from the start of each attack; several
   * that were missed are one. None where `updateSeconds` is 0. `now` is clock milliseconds.
   */
  due(active: readonly Incident[], updateSeconds: number, now: number): Attack[] {
    const before = this.#lookedAt ?? now;
    if (this.#lookedAt !== undefined && now - before < LOOK_EVERY_MS) return [];
    this.#lookedAt = now;
    if (updateSeconds === 0) return [];
    const periods = (at: number, startedAt: number): number => Math.floor((at - startedAt) / (updateSeconds * 1000));
    return active
      .map(({ attack }) => attack)
      .filter(({ startedAt }) => periods(now, startedAt) > Math.max(0, periods(before, startedAt)));
  }

  /** The wall clock was set forward by this much. */
  clockStepped(deltaMs: number): void {
    if (this.#lookedAt !== undefined) this.#lookedAt += deltaMs;
  }
}
