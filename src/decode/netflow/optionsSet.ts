/*
 * Reads the options records of a data set for the sampling rates they state (RFC 3954 §6.1, RFC 7011 §3.4.2.2).
 *
 * Exporters state a rate in many ways: 34 for everything, 50 for the sampler 48, 310 / 309 for the selector 302, 305
 * and 306. IOS XR sends 305 = 1 together with 309 and 310: 305 without 306 is no rate.
 */
import type { DecodeContext } from '../decodeContext.ts';
import { isSamplingRate } from '../exporter/observationDomain.ts';
import type { OptionsPlan, OptionsTemplate } from '../exporter/template.ts';
import { IE, type TemplateField, VARIABLE_LENGTH } from './informationElements.ts';
import { locateFields, MAX_INTEGER_BYTES, RECORD_OVERRUN, readUnsigned } from './recordFields.ts';

/**
 * Finds the fields of an options template that state a sampling rate. Everything else that exporters say about
 * themselves (names, statistics, applications) is ignored. Runs when a template is learned.
 */
export function planOptions(fields: readonly TemplateField[]): OptionsPlan {
  const find = (...elements: number[]): number => {
    for (const element of elements) {
      const index = fields.findIndex(
        (field) => field.enterprise === 0 && field.element === element && isReadable(field),
      );
      if (index >= 0) return index;
    }
    return -1;
  };
  const plan = {
    sampler: find(IE.samplerId, IE.selectorId),
    interface: find(IE.ingressInterface),
    population: find(IE.samplingPopulation),
    size: find(IE.samplingSize),
    packetInterval: find(IE.samplingPacketInterval),
    packetSpace: find(IE.samplingPacketSpace),
    randomInterval: find(IE.samplerRandomInterval),
    interval: find(IE.samplingInterval),
    activeTimeout: find(IE.flowActiveTimeout),
    systemInit: find(IE.systemInitTimeMilliseconds),
  };
  const pairs = (plan.population >= 0 && plan.size >= 0) || (plan.packetInterval >= 0 && plan.packetSpace >= 0);
  return { ...plan, statesRate: pairs || plan.randomInterval >= 0 || plan.interval >= 0 };
}

function isReadable(field: TemplateField): boolean {
  return field.length === VARIABLE_LENGTH || (field.length > 0 && field.length <= MAX_INTEGER_BYTES);
}

/** Reads bytes [offset, end) as options records of the template. The number of records. */
export function decodeOptionsSet(
  context: DecodeContext,
  template: OptionsTemplate,
  offset: number,
  end: number,
): number {
  const { exporter } = context;
  let records = 0;
  for (let at = offset; at + template.recordBytes <= end; records++) {
    const next = locateFields(context, template.lengths, at, end);
    if (next === RECORD_OVERRUN) {
      exporter.fail('record_overrun', at);
      break;
    }
    learnTimes(context, template.plan);
    if (template.plan.statesRate) learnRate(context, template.plan);
    at = next;
  }
  exporter.optionsRecords += records;
  return records;
}

function learnTimes(context: DecodeContext, plan: OptionsPlan): void {
  const activeTimeout = fieldValue(context, plan.activeTimeout);
  if (!Number.isNaN(activeTimeout)) context.activeTimeout.state(activeTimeout);
  const systemInit = fieldValue(context, plan.systemInit);
  if (systemInit > 0) context.domain.systemInitMs = systemInit;
}

function learnRate(context: DecodeContext, plan: OptionsPlan): void {
  const { exporter, domain } = context;
  const rate = statedRate(context, plan);
  const sampler = fieldValue(context, plan.sampler);
  const interfaceIndex = fieldValue(context, plan.interface);
  if (!Number.isNaN(sampler)) exporter.learnKeyedRate(domain.sampling.bySampler, sampler, rate);
  else if (!Number.isNaN(interfaceIndex)) exporter.learnKeyedRate(domain.sampling.byInterface, interfaceIndex, rate);
  else exporter.learnDomainRate(domain, rate);
}

/** The first of the ways to state a rate that gives one; NaN where none does. */
function statedRate(context: DecodeContext, plan: OptionsPlan): number {
  const ofPopulation = fieldValue(context, plan.population) / fieldValue(context, plan.size);
  if (isSamplingRate(ofPopulation)) return ofPopulation;
  const taken = fieldValue(context, plan.packetInterval);
  const ofSpace = (taken + fieldValue(context, plan.packetSpace)) / taken;
  if (isSamplingRate(ofSpace)) return ofSpace;
  const ofSampler = fieldValue(context, plan.randomInterval);
  if (isSamplingRate(ofSampler)) return ofSampler;
  return fieldValue(context, plan.interval);
}

/** Value of a field of the located record; NaN where the record has none that can be read. */
function fieldValue(context: DecodeContext, field: number): number {
  const { view, fieldStarts, fieldSizes } = context;
  if (field < 0 || fieldSizes[field] === 0 || fieldSizes[field] > MAX_INTEGER_BYTES) return Number.NaN;
  return readUnsigned(view, fieldStarts[field], fieldSizes[field]);
}
