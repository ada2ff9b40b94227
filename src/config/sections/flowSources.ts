/*
 * `flow_sources`, `flow_sources_enforce`: the known exporters, and whether telemetry of others is dropped.
 */
import { formatAddress } from '../../net/address.ts';
import { address, flag, list } from '../fields.ts';
import { defineSection, type FileOf, type RuleContext } from '../section.ts';

const keys = {
  flow_sources: list(address()).default([]).describe('Known exporters; only they get their own label in the metrics'),
  flow_sources_enforce: flag()
    .default(false)
    .describe('Drop and count telemetry from any other source, since a spoofed exporter could cause a ban'),
};

type FlowSourcesFile = FileOf<typeof keys>;

export interface FlowSourcesConfig {
  /** Canonical addresses of known exporters; empty = none named. */
  readonly flowSources: readonly string[];
  readonly flowSourcesEnforce: boolean;
}

function checkFlowSources({ file, isStated, report }: RuleContext<FlowSourcesFile>): void {
  if (file.flow_sources_enforce !== true || (isStated(['flow_sources']) && file.flow_sources?.length !== 0)) return;
  report(
    ['flow_sources_enforce'],
    'must be false where flow_sources names no exporter: all telemetry would be dropped',
  );
}

export const flowSourcesSection = defineSection({
  keys,
  rules: [checkFlowSources],
  resolve: ({ flow_sources, flow_sources_enforce }: FlowSourcesFile): FlowSourcesConfig => ({
    flowSources: [...new Set(flow_sources.map(formatAddress))],
    flowSourcesEnforce: flow_sources_enforce,
  }),
  reload: 'live',
});
