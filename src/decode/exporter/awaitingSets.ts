/*
 * Data sets that arrived before their template and are kept for a short time: exporters send templates every minute or
 * so, and a FortiGate sends half of its first datagrams before them. The buffer is small, and when it is full new sets
 * are dropped: they are worth no more than those it holds.
 */
import type { ObservationDomain } from './observationDomain.ts';

/** Part of `DecodeLimits`. */
export interface AwaitingLimits {
  /** Data sets that wait for their template. A FortiGate sends about 80 before it. */
  readonly awaitingSets: number;
  readonly awaitingBytes: number;
  /** Milliseconds that a data set may wait. Older traffic says nothing about an attack that is in progress now. */
  readonly awaitingMs: number;
}

/** The body of a data set, copied out of its datagram. */
export interface AwaitingSet {
  readonly domain: ObservationDomain;
  readonly templateId: number;
  readonly view: DataView;
  readonly receivedAtMs: number;
}

export class AwaitingSets {
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

  all(): readonly AwaitingSet[] {
    return this.#sets;
  }

  /** Copies bytes [offset, end) of a datagram. False where there is no room for them. */
  keep(
    domain: ObservationDomain,
    templateId: number,
    view: DataView,
    offset: number,
    end: number,
    now: number,
  ): boolean {
    const { awaitingBytes, awaitingSets } = this.#limits;
    if (this.#sets.length >= awaitingSets || this.#bytes + (end - offset) > awaitingBytes) return false;
    const copy = new Uint8Array(view.buffer, view.byteOffset + offset, end - offset).slice();
    this.#sets.push({ domain, templateId, view: new DataView(copy.buffer), receivedAtMs: now });
    this.#bytes += copy.length;
    return true;
  }

  /** Removes the sets that waited for this template and returns them in the order of arrival. */
  take(domain: ObservationDomain, templateId: number): AwaitingSet[] {
    return this.#remove((set) => set.domain === domain && set.templateId === templateId);
  }

  /**
   * Drops the sets that have waited too long and returns how many they were. A set from the future means that the clock
   * was set back; it is dropped too.
   */
  expire(now: number): number {
    const oldest = this.#sets[0];
    if (oldest === undefined || Math.abs(now - oldest.receivedAtMs) <= this.#limits.awaitingMs) return 0;
    return this.#remove((set) => Math.abs(now - set.receivedAtMs) > this.#limits.awaitingMs).length;
  }

  /** Drops the sets of a domain that is removed. */
  forget(domain: ObservationDomain): void {
    this.#remove((set) => set.domain === domain);
  }

  #remove(wanted: (set: AwaitingSet) => boolean): AwaitingSet[] {
    if (this.#sets.length === 0) return [];
    const removed = this.#sets.filter(wanted);
    if (removed.length === 0) return removed;
    this.#sets = this.#sets.filter((set) => !wanted(set));
    for (const set of removed) this.#bytes -= set.view.byteLength;
    return removed;
  }
}
