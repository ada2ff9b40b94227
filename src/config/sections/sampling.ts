/*
 * `sampling`: the sampling rate of exporters that do not state it, or state a wrong one.
 */
import * as z from 'zod';
import { formatAddress } from '../../net/address.ts';
import { address, list, number } from '../fields.ts';
import { defineSection, type FileOf, type RuleContext, readItems } from '../section.ts';

/** The N of "1 in N packets"; 2^32 - 1 is the most that NetFlow, IPFIX and sFlow can state. */
const samplingRate = number(1, 4_294_967_295);

const keys = {
  sampling: z
    .strictObject({
      default_rate: samplingRate.default(1).describe('N of "1 in N packets", for exporters that do not state it'),
      overrides: list(
        z
          .strictObject({
            exporter: address().describe('Source address of the exporter; for sFlow its agent address'),
            rate: samplingRate.describe('N of "1 in N packets"; used instead of what the exporter states'),
          })
          .describe('The rate of one exporter'),
      )
        .default([])
        .describe('Rates of exporters that state none or a wrong one'),
      max_stated_rate: samplingRate
        .default(10_000_000)
        .describe('A higher rate that an exporter states is not believed: it is counted, and the others are used'),
    })
    .prefault({})
    .describe('Sampling rates'),
};

type SamplingFile = FileOf<typeof keys>;

export interface SamplingConfig {
  /** For exporters that state no rate. */
  readonly defaultRate: number;
  /** The highest rate that an exporter is believed to state. */
  readonly maxStatedRate: number;
  /** By canonical exporter address; wins over what the exporter states. */
  readonly overrides: ReadonlyMap<string, number>;
}

function checkOverrides({ file, report }: RuleContext<SamplingFile>): void {
  const seen = new Set<string>();
  for (const [index, override] of readItems(file.sampling?.overrides)) {
    if (override.exporter === undefined) continue;
    const exporter = formatAddress(override.exporter);
    if (seen.has(exporter)) {
      report(
        ['sampling', 'overrides', index, 'exporter'],
        `must be overridden once only, ${exporter} has a rate above`,
      );
    }
    seen.add(exporter);
  }
}

export const samplingSection = defineSection({
  keys,
  rules: [checkOverrides],
  resolve: ({ sampling }: SamplingFile): { readonly sampling: SamplingConfig } => ({
    sampling: {
      defaultRate: sampling.default_rate,
      maxStatedRate: sampling.max_stated_rate,
      overrides: new Map(sampling.overrides.map(({ exporter, rate }) => [formatAddress(exporter), rate])),
    },
  }),
  reload: 'live',
});
