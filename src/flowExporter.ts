/*
 * FlowExporter: what a row of the batch says about the exporter that sent it: its address, and the longest period that
 * one record of a lasting flow covers.
 *
 * An exporter reports a flow that goes on once in each active timeout (RFC 3954 §3.2, RFC 5102 §5.11.3). The counters of
 * a record are those since the record before it, whatever the start time says: on some routers (Juniper MS-DPC and
 * inline J-Flow) that stays the time of the flow's first packet.
 */
import type { Address } from './net/address.ts';

/** Periods that are remembered to learn the active timeout from; their median is used. */
const LEARNED_FROM = 15;

/** Active timeouts that devices allow. */
const SHORTEST_SECONDS = 1;
const LONGEST_SECONDS = 3600;

/** What a period leaves of a longer one before it. */
const FADING = 0.99;

/** A period is learned from this many of them. */
const ENOUGH = 3;

/** `config`: in `flow_timing`. `stated`: by the exporter. `learned`: from its records. */
export type ActiveTimeoutSource = 'config' | 'stated' | 'learned';

export class ActiveTimeout {
  /** In the config; 0 = not. Wins. */
  configuredMs = 0;
  /** By the exporter itself, in element 36; 0 = not. */
  statedMs = 0;
  /** From its own records; 0 = not known yet. */
  #learnedMs = 0;
  /** What it stated once, and when; it must be stated again. */
  #pendingMs = 0;
  #pendingAt = 0;
  readonly #periods: number[] = [];
  /** For each of them, whether the start time of its flow was that of the record before. */
  readonly #startStayed: boolean[] = [];
  /** The longest of them; it fades, since a timeout may be made shorter. */
  #longestPeriodMs = 0;
  /** When a period was observed last, and how many then. */
  #observedAt = Number.NEGATIVE_INFINITY;
  #observedNow = 0;
  #next = 0;

  /** Milliseconds; 0 where it is not known. */
  get ms(): number {
    return this.configuredMs || this.statedMs || this.#learnedMs;
  }

  /**
   * The longest period that a record may be of, in milliseconds; 0 where that is not known, or where start times move on
   * with each record, so that a record says itself what period it is of. An exporter may have several caches with timeouts
   * of their own. A period that is taken for too short makes a flood of a steady flow.
   */
  get longestMs(): number {
    if (this.configuredMs > 0) return this.configuredMs;
    if (this.#periods.length >= ENOUGH && !this.#startStayed.includes(true)) return 0;
    return this.ms && Math.max(this.ms, this.#longestPeriodMs);
  }

  /** The same with its source; undefined where it is not known. */
  known(): { readonly ms: number; readonly source: ActiveTimeoutSource } | undefined {
    if (this.ms === 0) return undefined;
    return { ms: this.ms, source: this.configuredMs > 0 ? 'config' : this.statedMs > 0 ? 'stated' : 'learned' };
  }

  /**
   * The exporter says so itself, in seconds, in a datagram received at `now`. Nonsense is ignored. One datagram may be
   * forged, and a wrong timeout makes attacks of lasting flows or hides them; so what differs from what is known must be
   * stated again later.
   */
  state(seconds: number, now: number): void {
    if (!(seconds >= SHORTEST_SECONDS && seconds <= LONGEST_SECONDS)) return;
    const ms = seconds * 1000;
    const isRepeated = ms === this.#pendingMs && now !== this.#pendingAt;
    const isNew = ms !== (this.statedMs || this.#learnedMs || ms);
    if (!isNew || isRepeated) {
      this.statedMs = ms;
      this.#pendingMs = 0;
    } else if (ms !== this.#pendingMs) {
      this.#pendingMs = ms;
      this.#pendingAt = now;
    }
  }

  /**
   * A flow that goes on was reported again at `now`, this long after the report before it, with a start time before that
   * report or after. One datagram may be forged, so only few of its flows are learned from.
   */
  observe(periodMs: number, startStayed: boolean, now: number): void {
    this.#observedNow = now === this.#observedAt ? this.#observedNow + 1 : 1;
    this.#observedAt = now;
    if (this.#observedNow > ENOUGH) return;
    this.#longestPeriodMs = Math.min(Math.max(periodMs, this.#longestPeriodMs * FADING), LONGEST_SECONDS * 1000);
    this.#periods[this.#next] = periodMs;
    this.#startStayed[this.#next] = startStayed;
    this.#next = (this.#next + 1) % LEARNED_FROM;
    if (this.#periods.length < ENOUGH) return;
    const sorted = this.#periods.toSorted((a, b) => a - b);
    this.#learnedMs = sorted[sorted.length >> 1];
  }
}

export interface FlowExporter {
  readonly address: Address;
  readonly activeTimeout: ActiveTimeout;
}
