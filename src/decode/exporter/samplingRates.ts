/*
 * The sampling rates that one observation domain states in its options records: for the whole domain, by sampler, by
 * interface. A rate of N means that one in N packets is sampled. 0 stands for "not stated".
 */
import { type FlowBatch, SAMPLING_FROM_OPTIONS } from '../../flowBatch.ts';

/** A larger number is garbage, and would turn a trickle of packets into an attack. */
const MAX_SAMPLING_RATE = 0xffff_ffff;

/** Whether a number can be a sampling rate. 0, fractions below 1 and results of a division by zero cannot. */
export function isSamplingRate(rate: number): boolean {
  return rate >= 1 && rate <= MAX_SAMPLING_RATE;
}

export class SamplingRates {
  /** For every record of the domain. 0 = not stated. */
  domainWide = 0;
  /** By samplerId (element 48) or selectorId (302). */
  readonly bySampler = new Map<number, number>();
  /** By ifIndex. */
  readonly byInterface = new Map<number, number>();

  get size(): number {
    return this.bySampler.size + this.byInterface.size;
  }

  /**
   * The rate for records that name no sampler: the domain's own, else the rate of its only sampler. With several
   * samplers nobody can tell which one took the record. 0 = not stated.
   */
  get unnamed(): number {
    if (this.domainWide > 0 || this.bySampler.size !== 1) return this.domainWide;
    for (const rate of this.bySampler.values()) return rate;
    return 0;
  }

  /** Sets the rate of rows whose record did not state it. `named`: their records name a sampler. */
  applyTo(batch: FlowBatch, row: number, count: number, named: boolean): void {
    const { samplingRate, samplingSource, inInterface } = batch;
    const { byInterface } = this;
    const general = named ? this.domainWide : this.unnamed;
    if (general === 0 && byInterface.size === 0) return;
    for (let i = row; i < row + count; i++) {
      if (samplingRate[i] !== 0) continue;
      const rate = byInterface.size === 0 ? general : (byInterface.get(inInterface[i]) ?? general);
      if (rate === 0) continue;
      samplingRate[i] = rate;
      samplingSource[i] = SAMPLING_FROM_OPTIONS;
    }
  }
}
