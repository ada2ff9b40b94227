/*
 * An exporter in JSON: the answer to "why does my router not show".
 */
import { z } from 'zod';
import { toRfc3339 } from '../clock.ts';
import { PROTOCOLS } from '../decode/exporter/protocol.ts';
import type { ExporterSnapshot } from '../ingest/ingestSnapshot.ts';
import { timeSchema } from './timeJson.ts';

type SamplingSource = NonNullable<ExporterSnapshot['sampling']>['source'];

const SAMPLING_SOURCES = [
  'default',
  'header',
  'options',
  'record',
  'override',
] as const satisfies readonly SamplingSource[];

const ACTIVE_TIMEOUT_SOURCES = ['config', 'stated', 'learned'] as const satisfies readonly NonNullable<
  ExporterSnapshot['activeTimeout']
>['source'][];

const count = z.number().int().min(0);

const share = z.number().min(0).max(1);

export const exporterSchema = z
  .object({
    address: z.string(),
    protocols: z.array(z.enum(PROTOCOLS)),
    datagrams: count,
    flows: count,
    not_at_border: count.describe('flows that do not count, because they cross no interface of its sampling.boundary'),
    duplicates: z
      .object({
        checked_flows: count.describe('a sample of its flows to protected hosts'),
        by_direction: share.describe('share of them that it reported at ingress and at egress'),
        with: z
          .array(z.object({ exporter: z.string(), share: share.describe('of them, also reported by this exporter') }))
          .describe('the other exporters that reported most of them'),
        advice: z.string().optional().describe('what to do, where the shares are so large that rates are wrong'),
      })
      .optional()
      .describe('flows that were reported more than once and so count more than once; absent where none was checked'),
    last_seen: timeSchema,
    sampling: z
      .object({ rate: z.number().describe('one in how many packets'), source: z.enum(SAMPLING_SOURCES) })
      .optional()
      .describe('of the newest flow and who stated it; absent before the first flow'),
    sequence_gaps: count,
    decode_errors: z.record(z.string(), count).describe('datagrams by what was wrong with them'),
    doubts: z.record(z.string(), count).describe('what was not believed, by reason'),
    active_timeout: z
      .object({ seconds: z.number(), source: z.enum(ACTIVE_TIMEOUT_SOURCES) })
      .optional()
      .describe('how often it reports a flow that goes on, and who says so; absent where that is not known'),
    restarts: count.describe('how often its headers showed that it was started again'),
    templates: count,
    awaiting_template: count.describe('data sets kept until their template comes'),
    records_without_counters: count.describe('records without packet and byte counters, which give no flow'),
    records_without_addresses: count.describe('records and samples without IP addresses, which give no flow'),
    options_records: count.describe('records that state facts about the exporter, its sampling rate among them'),
    skipped_samples: count.describe('sFlow samples of interface counters and discarded packets, which give no flow'),
    blind: z.boolean().describe('sends data of which nothing could be decoded'),
  })
  .meta({ id: 'Exporter' });

export type ExporterJson = z.infer<typeof exporterSchema>;

export function exporterJson(exporter: ExporterSnapshot): ExporterJson {
  return {
    address: exporter.address,
    protocols: [...exporter.protocols],
    datagrams: exporter.datagrams,
    flows: exporter.flows,
    not_at_border: exporter.notAtBorder,
    duplicates: duplicatesJson(exporter),
    last_seen: toRfc3339(exporter.lastSeenAt),
    sampling: exporter.sampling,
    sequence_gaps: exporter.sequenceGaps,
    decode_errors: { ...exporter.decodeErrors },
    doubts: { ...exporter.doubts },
    active_timeout: exporter.activeTimeout && {
      seconds: Math.round(exporter.activeTimeout.ms / 100) / 10,
      source: exporter.activeTimeout.source,
    },
    restarts: exporter.restarts,
    templates: exporter.templates,
    awaiting_template: exporter.awaitingTemplate,
    records_without_counters: exporter.recordsWithoutCounters,
    records_without_addresses: exporter.recordsWithoutAddresses,
    options_records: exporter.optionsRecords,
    skipped_samples: exporter.skippedSamples,
    blind: exporter.blind,
  };
}

function duplicatesJson({ address, duplicates, hasBorder }: ExporterSnapshot): ExporterJson['duplicates'] {
  if (duplicates === undefined) return undefined;
  const { checked, byDirection, partners, tooMany } = duplicates;
  const shareOf = (flows: number): number => Math.round((flows / checked) * 1000) / 1000;
  const others = partners.map(({ exporter, flows }) => ({ exporter, share: shareOf(flows) }));
  const counts = { checked_flows: Math.round(checked), by_direction: shareOf(byDirection), with: others };
  if (!tooMany) return counts;
  const isByDirection = byDirection >= (partners[0]?.flows ?? 0);
  return { ...counts, advice: hasBorder ? borderAdvice(isByDirection, others) : adviceFor(address, isByDirection) };
}

/** To an operator whose exporter has no border. */
function adviceFor(address: string, isByDirection: boolean): string {
  const egress = isByDirection ? ', egress_sampling: true' : '';
  const boundary = `sampling.boundary: [{ exporter: "${address}", external_ifindexes: [...]${egress} }]`;
  const otherwise = isByDirection ? 'sample at ingress only' : 'stop the export of routers that are not at the border';
  return `its traffic counts more than once: name its interfaces to transit and peers in ${boundary}, or ${otherwise}`;
}

/** To an operator whose exporter has a border, and still what crosses it is reported again. */
function borderAdvice(isByDirection: boolean, [first]: readonly { readonly exporter: string }[]): string {
  return isByDirection || first === undefined
    ? 'its traffic counts more than once: check external_ifindexes and egress_sampling of its sampling.boundary'
    : `its traffic counts more than once: give ${first.exporter} a sampling.boundary too, or check both`;
}
