/*
 * The sampling rates one observation domain states in its options records: for everything, by sampler, by interface.
 * A rate is "one in how many packets"; it is above zero or not stated at all.
 */
import { type FlowBatch, SAMPLING_FROM_OPTIONS } from '../../flowBatch.ts';

/** Rates above are not rates but garbage that would turn a trickle into an attack. */
const MAX_SAMPLING_RATE = 0xffff_ffff;

/** Whether a stated rate can be one: 0, fractions below 1 and divisions by zero are "not stated". */
export function isSamplingRate(rate: number): boolean {
  return rate >= 1 && rate <= MAX_SAMPLING_RATE;
}

export class SamplingRates {
  /** For every record of the domain; 0 = not stated. */
  domainWide = 0;
  /** By samplerId (element 48) or selectorId (302). */
  readonly bySampler = new Map<number, number>();
  /** By ifIndex. */
  readonly byInterface = new Map<number, number>();

  get size(): number {
    return this.bySampler.size + this.byInterface.size;
  }

  /**
   * The rate for records that name no sampler: the domain's own, else that of its one sampler. With several samplers
   * there is no telling which took the record. 0 = not stated.
   */
  get unnamed(): number {
    if (this.domainWide > 0 || this.bySampler.size !== 1) return this.domainWide;
    for (const rate of this.bySampler.values()) return rate;
    return 0;
  }

  /** Puts the stated rate on rows whose record did not settle it; `named`: their records name a sampler. */
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
