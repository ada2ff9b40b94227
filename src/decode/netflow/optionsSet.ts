/*
 * Reads the options records of a data set for what they say of sampling (RFC 3954 §6.1, RFC 7011 §3.4.2.2).
 *
 * Exporters state a rate in many ways: 34 for everything, 50 for the sampler 48, 310 / 309 for the selector 302, 305
 * and 306. IOS XR sends 305 = 1 beside 309 and 310: 305 without 306 is no rate.
 */
import type { ExporterState } from '../exporter/exporterState.ts';
import type { ObservationDomain } from '../exporter/observationDomain.ts';
import { isSamplingRate } from '../exporter/samplingRates.ts';
import type { OptionsPlan, OptionsTemplate } from '../exporter/template.ts';
import { fieldSizes, fieldStarts, locateFields, RECORD_OVERRUN } from './recordFields.ts';
import { MAX_INTEGER_BYTES, readUnsigned } from './unsigned.ts';

/** Reads bytes [offset, end) as options records of the template. The number of records. */
export function decodeOptionsSet(
  exporter: ExporterState,
  domain: ObservationDomain,
  template: OptionsTemplate,
  view: DataView,
  offset: number,
  end: number,
): number {
  let records = 0;
  for (let at = offset; at + template.recordBytes <= end; records++) {
    const next = locateFields(template, view, at, end);
    if (next === RECORD_OVERRUN) {
      exporter.fail('record_overrun', at);
      break;
    }
    if (template.plan.statesRate) learnRate(exporter, domain, template.plan, view);
    at = next;
  }
  exporter.optionsRecords += records;
  return records;
}

function learnRate(exporter: ExporterState, domain: ObservationDomain, plan: OptionsPlan, view: DataView): void {
  const rate = statedRate(plan, view);
  const sampler = fieldValue(view, plan.sampler);
  const interfaceIndex = fieldValue(view, plan.interface);
  if (!Number.isNaN(sampler)) exporter.learnKeyedRate(domain.sampling.bySampler, sampler, rate);
  else if (!Number.isNaN(interfaceIndex)) exporter.learnKeyedRate(domain.sampling.byInterface, interfaceIndex, rate);
  else exporter.learnDomainRate(domain, rate);
}

/** The first way of stating a rate that gives one; NaN where none does. */
function statedRate(plan: OptionsPlan, view: DataView): number {
  const ofPopulation = fieldValue(view, plan.population) / fieldValue(view, plan.size);
  if (isSamplingRate(ofPopulation)) return ofPopulation;
  const taken = fieldValue(view, plan.packetInterval);
  const ofSpace = (taken + fieldValue(view, plan.packetSpace)) / taken;
  if (isSamplingRate(ofSpace)) return ofSpace;
  const ofSampler = fieldValue(view, plan.randomInterval);
  if (isSamplingRate(ofSampler)) return ofSampler;
  return fieldValue(view, plan.interval);
}

/** Value of a field of the located record; NaN where the record has none that can be read. */
function fieldValue(view: DataView, field: number): number {
  if (field < 0 || fieldSizes[field] === 0 || fieldSizes[field] > MAX_INTEGER_BYTES) return Number.NaN;
  return readUnsigned(view, fieldStarts[field], fieldSizes[field]);
}
