/*
 * A report of host rates, as a receiving thread posts it to the main thread: a few flat arrays, made fresh for each
 * report so that they can be transferred instead of copied.
 */
import { METRIC_COUNT } from '../trafficMetrics.ts';

export interface HostReport {
  /** Clock time of the rates, in the clock of the thread that made the report. */
  readonly now: number;
  readonly count: number;
  /** Four words a host, most significant first. */
  readonly addresses: Uint32Array<ArrayBuffer>;
  /** Group numbers. */
  readonly groups: Uint16Array<ArrayBuffer>;
  /** `METRIC_COUNT` a host, in the order and units of METRICS. */
  readonly rates: Float64Array<ArrayBuffer>;
  /** Since when the thread cannot read the data of an exporter, in clock milliseconds; undefined where it can read all. */
  readonly unreadableSince?: number;
}

/** What to name in the transfer list when the report is posted. */
export function reportBuffers(report: HostReport): ArrayBuffer[] {
  return [report.addresses.buffer, report.groups.buffer, report.rates.buffer];
}

/** Collects the rows of a report in arrays that it keeps and grows; `report` copies out what is in use. */
export class HostReportWriter {
  count = 0;
  #addresses = new Uint32Array(4 * 64);
  #groups = new Uint16Array(64);
  #rates = new Float64Array(METRIC_COUNT * 64);

  clear(): void {
    this.count = 0;
  }

  /** Takes the first `METRIC_COUNT` of `rates`. */
  append(word0: number, word1: number, word2: number, word3: number, group: number, rates: Float64Array): void {
    if (this.count === this.#groups.length) this.#grow();
    const row = this.count++;
    const at = 4 * row;
    this.#addresses[at] = word0;
    this.#addresses[at + 1] = word1;
    this.#addresses[at + 2] = word2;
    this.#addresses[at + 3] = word3;
    this.#groups[row] = group;
    const ratesAt = METRIC_COUNT * row;
    for (let metric = 0; metric < METRIC_COUNT; metric++) this.#rates[ratesAt + metric] = rates[metric];
  }

  report(now: number): HostReport {
    return {
      now,
      count: this.count,
      addresses: this.#addresses.slice(0, 4 * this.count),
      groups: this.#groups.slice(0, this.count),
      rates: this.#rates.slice(0, METRIC_COUNT * this.count),
    };
  }

  #grow(): void {
    const capacity = 2 * this.#groups.length;
    const addresses = new Uint32Array(4 * capacity);
    addresses.set(this.#addresses);
    this.#addresses = addresses;
    const groups = new Uint16Array(capacity);
    groups.set(this.#groups);
    this.#groups = groups;
    const rates = new Float64Array(METRIC_COUNT * capacity);
    rates.set(this.#rates);
    this.#rates = rates;
  }
}
