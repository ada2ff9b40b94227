/*
 * Which hosts leave the table: those without traffic, and, where the table is full, the least busy for new ones. So a
 * flood to random addresses of a protected network cannot keep a host out that is attacked, nor push a busy one out.
 *
 * The least busy host of a full table is not searched for, which would cost time for each flow of such a flood. The least
 * busy of a few rows is displaced. In such a flood the first row is mostly good enough, because it holds one flow record.
 */
import { NO_HOST } from '../flowBatch.ts';
import type { CandidateHosts } from './candidateHosts.ts';
import {
  BUCKETS,
  CANDIDATE_PLACE,
  FREE_ROW,
  GROUP_AND_FLAGS,
  type HostTable,
  LAST_BUCKET,
  LASTING_ROW,
  WATCHED,
} from './hostTable.ts';
import type { HostTraffic } from './hostTraffic.ts';
import type { RateWindow } from './rateWindow.ts';
import { FLOWS, PACKETS } from './trafficCounters.ts';

/** A host is evicted after this many buckets without a flow; in a crowded table, as soon as its window is empty. */
const IDLE_BUCKETS = 2 * BUCKETS;
const IDLE_BUCKETS_WHEN_CROWDED = BUCKETS;
const CROWDED = 0.9;

/** The table is swept for idle hosts in about this many ticks. */
const TICKS_PER_SWEEP = 100;

/** Rows that are looked at, at most, to displace one host. Where half the hosts are busy, one time in 256 all of them are. */
export const ROWS_LOOKED_AT = 8;

/**
 * In steps of this part of the table, any few rows in turn are spread evenly over it, and a row comes again no earlier
 * than in 0.4 times as many steps as there are rows. Neighbours would not do: hosts that were busy together stand together.
 */
const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

/** A datagram gets room for new hosts in at most this part of the table, however many flows it has. */
const ROOM_PER_DATAGRAM = 1 / 8;

export class HostEviction {
  /** Hosts evicted because they had no traffic, since start. */
  idleHosts = 0;
  /** Hosts displaced by new ones, since start. */
  displacedHosts = 0;
  readonly #table: HostTable;
  readonly #traffic: Pick<HostTraffic, 'rateOf'>;
  readonly #candidates: Pick<CandidateHosts, 'remove'>;
  #window: RateWindow;
  #sweepCursor = 0;
  /** Where in the table was looked last, 0 to 1. */
  #place = 0;

  constructor(
    table: HostTable,
    traffic: Pick<HostTraffic, 'rateOf'>,
    candidates: Pick<CandidateHosts, 'remove'>,
    window: RateWindow,
  ) {
    this.#table = table;
    this.#traffic = traffic;
    this.#candidates = candidates;
    this.#window = window;
  }

  useWindow(window: RateWindow): void {
    this.#window = window;
  }

  /**
   * Makes room for the hosts of a datagram with so many flows, as if all were new. Call it before their rows are looked
   * up: a row that was found must not be given to another host. Looks at `ROWS_LOOKED_AT` rows for each flow at most, and
   * at none while there is room.
   */
  makeRoom(flows: number): void {
    const { count, limit } = this.#table;
    if (count + flows <= limit) return;
    const room = Math.min(flows, Math.ceil(limit * ROOM_PER_DATAGRAM));
    this.#displace(Math.min(flows, room - (limit - count)));
  }

  /** Displaces the hosts beyond a limit that was lowered, as far as they may leave. */
  shrink(): void {
    this.#displace(this.#table.count - this.#table.limit);
  }

  /** Evicts idle hosts from one part of the table. */
  sweep(): void {
    const table = this.#table;
    const crowded = table.count > CROWDED * table.limit;
    const idleBuckets = crowded ? IDLE_BUCKETS_WHEN_CROWDED : IDLE_BUCKETS;
    const rows = Math.ceil(table.usedSlots / TICKS_PER_SWEEP) * (crowded ? 4 : 1);
    for (let i = 0; i < rows; i++) {
      if (this.#sweepCursor >= table.usedSlots) this.#sweepCursor = 0;
      const slot = this.#sweepCursor++;
      if (!this.#mayLeave(slot) || table.word(slot, CANDIDATE_PLACE) !== 0) continue;
      if (table.word(slot, LAST_BUCKET) + idleBuckets > this.#window.bucket) continue;
      table.remove(slot);
      this.idleHosts++;
    }
  }

  /** Whether the row holds a host that is not under attack and has no lasting flows. */
  #mayLeave(slot: number): boolean {
    const flags = this.#table.word(slot, GROUP_AND_FLAGS);
    return flags !== FREE_ROW && (flags & WATCHED) === 0 && this.#table.word(slot, LASTING_ROW) === 0;
  }

  #displace(hosts: number): void {
    for (let i = 0; i < hosts; i++) {
      const slot = this.#leastBusy();
      if (slot === NO_HOST) continue;
      if (this.#table.word(slot, CANDIDATE_PLACE) !== 0) this.#candidates.remove(slot);
      this.#table.remove(slot);
      this.displacedHosts++;
    }
  }

  /** Of some rows, a host with one flow record in its window that is no candidate, or else the one with least packets. */
  #leastBusy(): number {
    const table = this.#table;
    let least = NO_HOST;
    let leastPackets = Number.POSITIVE_INFINITY;
    for (let looked = 0; looked < ROWS_LOOKED_AT; looked++) {
      this.#place = (this.#place + GOLDEN_RATIO) % 1;
      const slot = Math.floor(this.#place * table.usedSlots);
      if (!this.#mayLeave(slot)) continue;
      if (table.word(slot, CANDIDATE_PLACE) === 0 && this.#recordsOf(slot) < 1.5) return slot;
      const packets = this.#traffic.rateOf(slot, PACKETS);
      if (packets >= leastPackets) continue;
      least = slot;
      leastPackets = packets;
    }
    return least;
  }

  /** Flow records in the window. */
  #recordsOf(slot: number): number {
    return this.#window.rateOf(this.#table, slot, FLOWS) * this.#window.windowSeconds;
  }
}
