/*
 * `sampling`: the sampling rate of exporters that do not state it, or state a wrong one, and the border of exporters
 * that see a flow more than once.
 */
import * as z from 'zod';
import { formatAddress } from '../../net/address.ts';
import { address, flag, integer, list, number, UINT32_MAX } from '../fields.ts';
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
      boundary: list(
        z
          .strictObject({
            exporter: address().describe('Source address of the exporter; for sFlow its agent address'),
            external_ifindexes: list(integer(1, UINT32_MAX))
              .min(1, { error: 'must hold at least one interface' })
              .describe('ifIndex of every interface to the outside: transit, peers, exchanges'),
            egress_sampling: flag()
              .default(false)
              .describe('It samples what leaves an interface as well as what enters one'),
          })
          .describe('The border of one exporter'),
      )
        .default([])
        .describe('Exporters whose flows count only where they cross the border of the network'),
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
  /** By canonical exporter address. */
  readonly boundaries: ReadonlyMap<string, BoundaryConfig>;
}

/** The border of an exporter. Its flows count only where they cross it. */
export interface BoundaryConfig {
  /** ifIndexes, ascending. */
  readonly externalInterfaces: readonly number[];
  readonly egressSampling: boolean;
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

function checkBoundaries({ file, report }: RuleContext<SamplingFile>): void {
  const seen = new Set<string>();
  for (const [index, boundary] of readItems(file.sampling?.boundary)) {
    const path = ['sampling', 'boundary', index];
    const interfaces = new Set<number>();
    for (const [place, ifIndex] of readItems(boundary.external_ifindexes)) {
      if (interfaces.has(ifIndex))
        report([...path, 'external_ifindexes', place], `must be listed once only, ${ifIndex} is in the list above`);
      interfaces.add(ifIndex);
    }
    if (boundary.exporter === undefined) continue;
    const exporter = formatAddress(boundary.exporter);
    if (seen.has(exporter))
      report([...path, 'exporter'], `must have one border only, ${exporter} is in the list above`);
    seen.add(exporter);
  }
}

export const samplingSection = defineSection({
  keys,
  rules: [checkOverrides, checkBoundaries],
  resolve: ({ sampling }: SamplingFile): { readonly sampling: SamplingConfig } => ({
    sampling: {
      defaultRate: sampling.default_rate,
      maxStatedRate: sampling.max_stated_rate,
      overrides: new Map(sampling.overrides.map(({ exporter, rate }) => [formatAddress(exporter), rate])),
      boundaries: new Map(
        sampling.boundary.map(({ exporter, external_ifindexes, egress_sampling }) => [
          formatAddress(exporter),
          { externalInterfaces: external_ifindexes.toSorted((a, b) => a - b), egressSampling: egress_sampling },
        ]),
      ),
    },
  }),
  reload: 'live',
});
