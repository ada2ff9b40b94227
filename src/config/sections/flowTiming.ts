/*
 * `flow_timing`: what period a record of a lasting flow covers, for exporters whose own words do not tell.
 */
import * as z from 'zod';
import { formatAddress } from '../../net/address.ts';
import { address, flag, integer, list } from '../fields.ts';
import { defineSection, type FileOf, type RuleContext, readItems } from '../section.ts';

const keys = {
  flow_timing: z
    .strictObject({
      overrides: list(
        z
          .strictObject({
            exporter: address().describe('Source address of the exporter'),
            active_timeout_seconds: integer(1, 3600)
              .optional()
              .describe('How often it reports a flow that goes on; a record counts for no longer period'),
            totals: flag()
              .default(false)
              .describe('Its counters are since the start of the flow, not since the record before'),
          })
          .describe('The timing of one exporter'),
      )
        .default([])
        .describe('Exporters whose records do not tell what period they cover'),
    })
    .prefault({})
    .describe('Periods of flow records'),
};

type FlowTimingFile = FileOf<typeof keys>;

export interface FlowTiming {
  /** 0 = not configured. */
  readonly activeTimeoutMs: number;
  readonly totals: boolean;
}

function checkOverrides({ file, report }: RuleContext<FlowTimingFile>): void {
  const seen = new Set<string>();
  for (const [index, { exporter, active_timeout_seconds, totals }] of readItems(file.flow_timing?.overrides)) {
    const path = ['flow_timing', 'overrides', index];
    if (active_timeout_seconds === undefined && totals === false)
      report(path, 'must have active_timeout_seconds or totals: true, or it changes nothing');
    if (exporter === undefined) continue;
    const text = formatAddress(exporter);
    if (seen.has(text)) report([...path, 'exporter'], `must be overridden once only, ${text} is in the list above`);
    seen.add(text);
  }
}

export const flowTimingSection = defineSection({
  keys,
  rules: [checkOverrides],
  resolve: ({ flow_timing }: FlowTimingFile): { readonly flowTiming: ReadonlyMap<string, FlowTiming> } => ({
    /** By canonical exporter address. */
    flowTiming: new Map(
      flow_timing.overrides.map(({ exporter, active_timeout_seconds, totals }) => [
        formatAddress(exporter),
        { activeTimeoutMs: (active_timeout_seconds ?? 0) * 1000, totals },
      ]),
    ),
  }),
  reload: 'live',
});
