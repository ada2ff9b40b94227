/*
 * Data sets that arrived before their template and are kept for a short time: exporters send templates every minute or
 * so, and a FortiGate sends half of its first datagrams before them. The buffer is small, and when it is full new sets
 * are dropped: they are worth no more than those it holds.
 */
import type { MessageHistory } from './messageHistory.ts';
import type { ObservationDomain } from './observationDomain.ts';
import type { Template } from './template.ts';

/** Part of `DecodeLimits`. */
export interface AwaitingLimits {
  /** Data sets that wait for their template. A FortiGate sends about 80 before it. */
  readonly awaitingSets: number;
  readonly awaitingBytes: number;
  /** Milliseconds that a data set may wait. Older traffic says nothing about an attack that is in progress now. */
  readonly awaitingMs: number;
}

/** What the message said of its data, beside them. */
export interface DataSetHeader {
  readonly domain: ObservationDomain;
  readonly session: MessageHistory;
  readonly templateId: number;
  readonly exportTimeMs: number;
  /** Negative where it had none. */
  readonly uptimeMs: number;
  /** For how long the message was held before it was sent. */
  readonly heldMs: number;
}

/** The body of a data set, copied out of its datagram. */
export interface AwaitingSet extends DataSetHeader {
  readonly view: DataView;
  readonly receivedAtMs: number;
  /** Whether its template has arrived, and it waits for the sampling rate that should be in the next datagram. */
  isHeld: boolean;
}

/** A set whose template has arrived. */
export interface ReadySet {
  readonly set: AwaitingSet;
  readonly template: Template;
}

export class AwaitingSets {
  /** Whether a template or a rate arrived since the last `takeReady`. */
  mayBeReady = false;
  readonly #limits: AwaitingLimits;
  /** Oldest first. */
  #sets: AwaitingSet[] = [];
  #bytes = 0;

  constructor(limits: AwaitingLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#sets.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  all(): readonly AwaitingSet[] {
    return this.#sets;
  }

  /** Copies bytes [offset, end) of a datagram. False where there is no room for them. */
  keep(header: DataSetHeader, view: DataView, offset: number, end: number, now: number): boolean {
    const { awaitingBytes, awaitingSets } = this.#limits;
    if (this.#sets.length >= awaitingSets || this.#bytes + (end - offset) > awaitingBytes) return false;
    const copy = new Uint8Array(view.buffer, view.byteOffset + offset, end - offset).slice();
    this.#sets.push({ ...header, view: new DataView(copy.buffer), receivedAtMs: now, isHeld: false });
    this.#bytes += copy.length;
    return true;
  }

  /**
   * Removes the sets that have their template now, and returns them in the order of arrival. `expectsRate`: a sampling
   * rate should follow the templates; it is waited for, but only until the next call.
   */
  takeReady(expectsRate: boolean): ReadySet[] {
    this.mayBeReady = false;
    const ready: ReadySet[] = [];
    this.#remove((set) => {
      const template = set.domain.templates.find(set.templateId, set.session);
      if (template === undefined) return false;
      if (expectsRate && !set.isHeld) {
        set.isHeld = true;
        this.mayBeReady = true;
        return false;
      }
      ready.push({ set, template });
      return true;
    });
    return ready;
  }

  /**
   * Drops the sets that have waited too long and returns how many they were. A set from the future means that the clock
   * was set back; it is dropped too.
   */
  expire(now: number): number {
    const oldest = this.#sets[0];
    if (oldest === undefined || Math.abs(now - oldest.receivedAtMs) <= this.#limits.awaitingMs) return 0;
    return this.#remove((set) => Math.abs(now - set.receivedAtMs) > this.#limits.awaitingMs);
  }

  /** Drops the sets of a domain that is removed. */
  forgetDomain(domain: ObservationDomain): void {
    this.#remove((set) => set.domain === domain);
  }

  /** Drops the sets that a session sent before it was restarted. Their number. */
  forgetSession(session: MessageHistory): number {
    return this.#remove((set) => set.session === session);
  }

  #remove(isRemoved: (set: AwaitingSet) => boolean): number {
    const before = this.#sets.length;
    if (before === 0) return 0;
    this.#sets = this.#sets.filter((set) => {
      const removed = isRemoved(set);
      if (removed) this.#bytes -= set.view.byteLength;
      return !removed;
    });
    return before - this.#sets.length;
  }
}
