/*
 * `flowspec`: what FlowSpec rules (RFC 8955) do, for the whole file and for a hostgroup.
 */
import * as z from 'zod';
import { choice, flag, integer, number, positiveUpTo } from '../fields.ts';
import { defineSection, type FileOf, type RuleContext, readItems } from '../section.ts';

/** More Mbit/s than any router forwards; far above it the rate would not fit the FlowSpec action's float. */
const MAX_RATE_MBPS = 10_000_000;

const flowspecKeys = {
  action: choice(['discard', 'rate_limit']).describe('What a FlowSpec rule does with what it matches'),
  rate_mbps: positiveUpTo(MAX_RATE_MBPS).describe('What a rate_limit lets pass, in megabits (10^6 bits) a second'),
  source_anchored: flag().describe(
    'Also match the source addresses of the largest attackers, if they make up enough of the sample',
  ),
  min_source_concentration: number(0, 1).describe(
    'Share of the sample that the largest attackers must make up, 0 to 1',
  ),
};

const flowspecSchema = z
  .strictObject({
    action: flowspecKeys.action.default('discard'),
    rate_mbps: flowspecKeys.rate_mbps.optional(),
    source_anchored: flowspecKeys.source_anchored.default(false),
    min_source_concentration: flowspecKeys.min_source_concentration.default(0.8),
    max_rules: integer(1, 1_000_000)
      .optional()
      .describe('Most FlowSpec rules announced at once: the smallest limit of your routers; if absent, no cap'),
  })
  .prefault({})
  .describe('FlowSpec rules (RFC 8955)');

export const groupFlowspecSchema = z.strictObject(flowspecKeys).partial().describe('FlowSpec rules for this group');

const keys = { flowspec: flowspecSchema };

type FlowspecFile = FileOf<typeof keys>;
type GroupFlowspec = z.output<typeof groupFlowspecSchema> | undefined;

export interface FlowspecConfig {
  readonly action: 'discard' | 'rate_limit';
  /** Undefined for `discard`. */
  readonly rateMbps: number | undefined;
  readonly sourceAnchored: boolean;
  readonly minSourceConcentration: number;
}

function checkRates({
  file,
  isStated,
  report,
}: RuleContext<FlowspecFile & { hostgroups: { flowspec?: GroupFlowspec }[] }>): void {
  const wanted = 'a rate_limit needs a rate_mbps';
  const globalRate = isStated(['flowspec', 'rate_mbps']);
  if (file.flowspec?.action === 'rate_limit' && !globalRate) {
    report(['flowspec', 'rate_mbps'], `is missing, ${wanted}`, 'missing');
  }
  for (const [index, group] of readItems(file.hostgroups)) {
    const path = ['hostgroups', index, 'flowspec'];
    if (group.flowspec?.action === 'rate_limit' && !globalRate && !isStated([...path, 'rate_mbps'])) {
      report([...path, 'rate_mbps'], `is missing, ${wanted}`, 'missing');
    }
  }
}

/** Inherited key by key. */
export function resolveGroupFlowspec(global: FlowspecFile['flowspec'], own: GroupFlowspec): FlowspecConfig {
  const action = own?.action ?? global.action;
  return {
    action,
    rateMbps: action === 'rate_limit' ? (own?.rate_mbps ?? global.rate_mbps) : undefined,
    sourceAnchored: own?.source_anchored ?? global.source_anchored,
    minSourceConcentration: own?.min_source_concentration ?? global.min_source_concentration,
  };
}

export interface FlowspecLimitConfig {
  /** Cap on announced FlowSpec rules over all bans; Infinity = no cap. */
  readonly flowspecMaxRules: number;
}

export const flowspecSection = defineSection({
  keys,
  rules: [checkRates],
  resolve: ({ flowspec }: FlowspecFile): FlowspecLimitConfig => {
    return { flowspecMaxRules: flowspec.max_rules ?? Number.POSITIVE_INFINITY };
  },
  reload: 'live',
});
