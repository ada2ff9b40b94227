/*
 * Counters that are totals: some exporters count since a flow began (elements 85 and 86 without 1 and 2), and the events
 * of a Cisco ASA repeat at the end of a connection what its updates told before. A record then adds only what is more
 * than the record before it of the same flow. The table also tells what time records without any times are of.
 *
 * The table has a fixed size. A flow belongs in one of four places; the one seen least recently makes room. A flow that
 * is not found counts at its mean rate.
 */
import {
  BYTES_ARE_TOTAL,
  COUNTERS_ARE_TOTAL,
  COUNTS_FROM_START,
  FLOW_END_MASK,
  FLOW_ENDED,
  FLOW_GOES_ON,
  type FlowBatch,
  PACKETS_ARE_TOTAL,
  UNTIMED,
} from '../flowBatch.ts';
import { FlowKey } from '../flowKey.ts';
import { copyRow } from './flowRows.ts';

/** Flows that are remembered, of all exporters of a thread; 40 bytes each, 5 MB. */
const PLACES = 131_072;
const WAYS = 4;

/** A record of the same flow comes again within this time: the longest active timeout is 30 minutes. */
const REMEMBERED_MS = 35 * 60_000;

/** The start time of one flow may differ by this much from record to record, by rounding. */
const SAME_START_MS = 1500;

/** What a template says of its totals. */
export interface TotalsLayout {
  /** Where counters of this width begin anew with 0; 0 where no flow gets there. */
  readonly packetLimit: number;
  readonly byteLimit: number;
  /** Whether records say anything of when their packets passed. */
  readonly hasTimes: boolean;
}

/** Marks the counters of rows from `firstRow` on as totals. */
export function markTotals(batch: FlowBatch, firstRow: number): void {
  for (let row = firstRow; row < batch.end; row++) batch.flowFlags[row] |= COUNTERS_ARE_TOTAL;
  batch.hasFlagsOrDirections = true;
}

function markUntimed(batch: FlowBatch, row: number): void {
  batch.flowFlags[row] |= UNTIMED;
  batch.hasFlagsOrDirections = true;
  batch.hasUntimed = true;
}

export class FlowTotals {
  #low = new Int32Array(0);
  #high = new Int32Array(0);
  #packets = new Float64Array(0);
  #bytes = new Float64Array(0);
  #startMs = new Float64Array(0);
  #endMs = new Float64Array(0);
  /** Of the row at hand. */
  readonly #key = new FlowKey();

  /**
   * Makes differences of the totals in rows from `firstRow` on, those that are marked (`COUNTERS_ARE_TOTAL`), and removes
   * the marks. `exportTimeMs` is that of their message; all times here are of the exporter's clock. A row without traffic
   * since the last one stays, with zeros.
   */
  subtract(batch: FlowBatch, firstRow: number, exporter: number, exportTimeMs: number, layout: TotalsLayout): void {
    const { packetLimit, byteLimit } = layout;
    const { sampledPackets, sampledBytes, durationMs, flowFlags } = batch;
    for (let row = firstRow; row < batch.end; row++) {
      const marks = flowFlags[row] & COUNTERS_ARE_TOTAL;
      if (marks === 0) continue;
      const endMs = exportTimeMs - batch.endAgoOf(row);
      const place = this.#placeOf(batch, row, exporter, endMs);
      const startMs = endMs - durationMs[row];
      // A delta beside a total is no part of the comparison.
      const packets = (marks & PACKETS_ARE_TOTAL) !== 0 ? sampledPackets[row] : 0;
      const bytes = (marks & BYTES_ARE_TOTAL) !== 0 ? sampledBytes[row] : 0;
      // A difference covers all the time since the record before, also where records between the two were lost.
      flowFlags[row] = (flowFlags[row] & ~COUNTERS_ARE_TOTAL) | COUNTS_FROM_START;
      if (!this.#isSameFlow(place, startMs, durationMs[row], endMs)) {
        if (!layout.hasTimes) markUntimed(batch, row);
        this.#remember(place, packets, bytes, startMs, endMs);
        continue;
      }
      const packetsFell = packets < this.#packets[place];
      const bytesFell = bytes < this.#bytes[place];
      if (packetsFell && bytesFell) {
        const isOvertaken = endMs < this.#endMs[place];
        if (isOvertaken) this.#setCounters(batch, row, marks, 0, 0);
        // Totals of one flow never fall. One of the two records is wrong, so the next one is compared with neither.
        else if (durationMs[row] > 0) this.#endMs[place] = Number.NEGATIVE_INFINITY;
        else this.#remember(place, packets, bytes, startMs, endMs);
        continue;
      }
      // Where only one of the two fell, it passed its limit.
      if ((packetsFell && packetLimit === 0) || (bytesFell && byteLimit === 0)) {
        if (endMs < this.#endMs[place]) this.#setCounters(batch, row, marks, 0, 0);
        else this.#remember(place, packets, bytes, startMs, endMs);
        continue;
      }
      const packetsMore = packets - this.#packets[place] + (packetsFell ? packetLimit : 0);
      const bytesMore = bytes - this.#bytes[place] + (bytesFell ? byteLimit : 0);
      this.#setCounters(batch, row, marks, packetsMore, bytesMore);
      const sinceMs = Math.max(0, endMs - this.#endMs[place]);
      durationMs[row] = durationMs[row] > 0 ? Math.min(durationMs[row], sinceMs) : sinceMs;
      this.#remember(place, packets, bytes, startMs, endMs);
    }
  }

  /**
   * Gives rows from `firstRow` on, whose records have no times, the time since the record before of the same flow: their
   * counters are since then. A first record has none (`UNTIMED`).
   */
  setDurations(batch: FlowBatch, firstRow: number, exporter: number, exportTimeMs: number): void {
    for (let row = firstRow; row < batch.end; row++) {
      const place = this.#placeOf(batch, row, exporter, exportTimeMs);
      if (this.#holds(place, exportTimeMs)) batch.durationMs[row] = Math.max(0, exportTimeMs - this.#endMs[place]);
      else markUntimed(batch, row);
      this.#remember(place, 0, 0, 0, exportTimeMs);
    }
  }

  /**
   * Leaves of the events of a firewall in rows from `firstRow` on what is new: an update counts as it is, the end of a
   * connection only what its updates did not tell. Rows with nothing new are dropped.
   */
  subtractUpdates(batch: FlowBatch, firstRow: number, exporter: number, exportTimeMs: number): void {
    const { sampledPackets, sampledBytes } = batch;
    let end = firstRow;
    for (let row = firstRow; row < batch.end; row++) {
      const place = this.#placeOf(batch, row, exporter, exportTimeMs);
      const isKnown = this.#holds(place, exportTimeMs);
      const flowEnd = batch.flowFlags[row] & FLOW_END_MASK;
      if (flowEnd === FLOW_GOES_ON) {
        const packets = sampledPackets[row] + (isKnown ? this.#packets[place] : 0);
        const bytes = sampledBytes[row] + (isKnown ? this.#bytes[place] : 0);
        this.#remember(place, packets, bytes, 0, exportTimeMs);
      } else if (flowEnd === FLOW_ENDED && isKnown) {
        sampledPackets[row] = Math.max(0, sampledPackets[row] - this.#packets[place]);
        sampledBytes[row] = Math.max(0, sampledBytes[row] - this.#bytes[place]);
        this.#endMs[place] = Number.NEGATIVE_INFINITY;
        if (sampledPackets[row] === 0 && sampledBytes[row] === 0) continue;
      }
      if (row !== end) copyRow(batch, row, end);
      end++;
    }
    batch.end = end;
  }

  /** Sets those of the row's counters that are totals. */
  #setCounters(batch: FlowBatch, row: number, marks: number, packets: number, bytes: number): void {
    if ((marks & PACKETS_ARE_TOTAL) !== 0) batch.sampledPackets[row] = packets;
    if ((marks & BYTES_ARE_TOTAL) !== 0) batch.sampledBytes[row] = bytes;
  }

  /** Whether the totals are of the flow in the place, and not of a new one with the same key. */
  #isSameFlow(place: number, startMs: number, durationMs: number, endMs: number): boolean {
    return this.#holds(place, endMs) && (durationMs === 0 || Math.abs(startMs - this.#startMs[place]) <= SAME_START_MS);
  }

  #holds(place: number, endMs: number): boolean {
    return (
      this.#low[place] === this.#key.low &&
      this.#high[place] === this.#key.high &&
      Math.abs(endMs - this.#endMs[place]) <= REMEMBERED_MS
    );
  }

  #remember(place: number, packets: number, bytes: number, startMs: number, endMs: number): void {
    this.#low[place] = this.#key.low;
    this.#high[place] = this.#key.high;
    this.#packets[place] = packets;
    this.#bytes[place] = bytes;
    this.#startMs[place] = startMs;
    this.#endMs[place] = endMs;
  }

  /** The place of the row's flow, or that of the four which was seen least recently. */
  #placeOf(batch: FlowBatch, row: number, exporter: number, endMs: number): number {
    if (this.#endMs.length === 0) this.#allocate();
    this.#key.take(batch, row, exporter);
    const first = this.#key.low & (PLACES - 1) & ~(WAYS - 1);
    let oldest = first;
    for (let place = first; place < first + WAYS; place++) {
      if (this.#holds(place, endMs)) return place;
      if (this.#endMs[place] < this.#endMs[oldest]) oldest = place;
    }
    return oldest;
  }

  /** Most exporters send no totals, and need no table. */
  #allocate(): void {
    this.#low = new Int32Array(PLACES);
    this.#high = new Int32Array(PLACES);
    this.#packets = new Float64Array(PLACES);
    this.#bytes = new Float64Array(PLACES);
    this.#startMs = new Float64Array(PLACES);
    this.#endMs = new Float64Array(PLACES).fill(Number.NEGATIVE_INFINITY);
  }
}
