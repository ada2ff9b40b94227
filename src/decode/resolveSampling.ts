/*
 * The last step of decoding a datagram: every row gets a sampling rate, whoever it comes from.
 */
import { type FlowBatch, SAMPLING_FROM_OVERRIDE } from '../flowBatch.ts';

/**
 * Settles the sampling rate of the datagram's rows: `override` (0 = none) wins over what the exporter states,
 * `defaultRate` (at least 1) stands in where it states nothing.
 */
export function resolveSampling(batch: FlowBatch, override: number, defaultRate: number): void {
  const { samplingRate, samplingSource, start, end } = batch;
  if (override > 0) {
    for (let i = start; i < end; i++) {
      samplingRate[i] = override;
      samplingSource[i] = SAMPLING_FROM_OVERRIDE;
    }
    return;
  }
  for (let i = start; i < end; i++) {
    if (samplingRate[i] === 0) samplingRate[i] = defaultRate;
  }
}
