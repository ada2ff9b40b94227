/*
 * Decodes a data set of either kind, now that its template is known.
 */
import type { FlowBatch } from '../../flowBatch.ts';
import type { ExporterState } from '../exporter/exporterState.ts';
import type { ObservationDomain } from '../exporter/observationDomain.ts';
import type { Template } from '../exporter/template.ts';
import { decodeFlowSet } from './flowSet.ts';
import { decodeOptionsSet } from './optionsSet.ts';

/** Decodes bytes [offset, end), without the set header. The number of records; faults are counted on the exporter. */
export function decodeDataSet(
  exporter: ExporterState,
  domain: ObservationDomain,
  template: Template,
  view: DataView,
  offset: number,
  end: number,
  batch: FlowBatch,
): number {
  // Fuzzed templates describe records of no bytes, of which any set holds infinitely many.
  if (template.recordBytes === 0) {
    exporter.fail('record_empty', offset);
    return 0;
  }
  if (offset < end && offset + template.recordBytes > end) {
    exporter.fail('record_overrun', offset);
    return 0;
  }
  if (template.kind === 'flow') return decodeFlowSet(exporter, domain, template, view, offset, end, batch);
  return decodeOptionsSet(exporter, domain, template, view, offset, end);
}
