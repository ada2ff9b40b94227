/*
 * Reads the options records of a data set for the sampling rates they state, and for facts about times (RFC 3954 §6.1,
 * RFC 7011 §3.4.2.2).
 *
 * Exporters state a rate in many ways: 34 for everything, 50 for the sampler 48, 310 / 309 for the selector 302, 305
 * and 306, 311. IOS XR sends 305 = 1 together with 309 and 310: 305 without 306 is no rate.
 */
import type { DecodeContext } from '../decodeContext.ts';
import { isSamplingRate, type RateScope } from '../exporter/samplingRates.ts';
import type { OptionsPlan, OptionsTemplate } from '../exporter/template.ts';
import { IE, type TemplateField, VARIABLE_LENGTH } from './informationElements.ts';
import { locateFields, MAX_INTEGER_BYTES, RECORD_OVERRUN, readUnsigned } from './recordFields.ts';

/** Scopes of what is said of the exporter as a whole, whatever the domain of the message. */
const WHOLE_EXPORTER: readonly number[] = [IE.exportingProcessId, IE.exporterIPv4Address, IE.exporterIPv6Address];

/** Elements 35 and 49 are 1 for deterministic, 2 for random sampling; exporters send 0 where they do not sample. */
const LAST_SAMPLING_ALGORITHM = 2;
/** IANA's registry "IPFIX selectorAlgorithm" has 0 to 9. */
const LAST_SELECTOR_ALGORITHM = 9;

/**
 * Finds the fields of an options template that state a sampling rate. Everything else that exporters say about
 * themselves (names, statistics, applications) is ignored. Runs when a template is learned. `fields` are those with a
 * length; `definedFields` are all: System is a scope of no bytes.
 */
export function planOptions(fields: readonly TemplateField[], definedFields: readonly TemplateField[]): OptionsPlan {
  const find = (...elements: number[]): number => {
    for (const element of elements) {
      const index = fields.findIndex(
        (field) => field.enterprise === 0 && field.element === element && isReadable(field),
      );
      if (index >= 0) return index;
    }
    return -1;
  };
  const selectorAlgorithm = find(IE.selectorAlgorithm);
  const plan = {
    sampler: find(IE.samplerId, IE.selectorId),
    interface: find(IE.ingressInterface, IE.egressInterface),
    template: find(IE.templateId),
    ofWholeExporter: definedFields.some(
      ({ enterprise, element }) => enterprise === 0 && WHOLE_EXPORTER.includes(element),
    ),
    observationDomain: find(IE.observationDomainId),
    algorithm: selectorAlgorithm >= 0 ? selectorAlgorithm : find(IE.samplingAlgorithm, IE.samplerMode),
    lastAlgorithm: selectorAlgorithm >= 0 ? LAST_SELECTOR_ALGORITHM : LAST_SAMPLING_ALGORITHM,
    population: find(IE.samplingPopulation),
    size: find(IE.samplingSize),
    packetInterval: find(IE.samplingPacketInterval),
    packetSpace: find(IE.samplingPacketSpace),
    randomInterval: find(IE.samplerRandomInterval),
    interval: find(IE.samplingInterval),
    probability: find(IE.samplingProbability),
    activeTimeout: find(IE.flowActiveTimeout),
    systemInit: find(IE.systemInitTimeMilliseconds),
  };
  const pairs = (plan.population >= 0 && plan.size >= 0) || (plan.packetInterval >= 0 && plan.packetSpace >= 0);
  const alone = [plan.randomInterval, plan.interval, plan.probability];
  return { ...plan, statesRate: pairs || alone.some((field) => field >= 0) };
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
  if (!Number.isNaN(activeTimeout)) context.activeTimeout.state(activeTimeout, context.now);
  const systemInit = fieldValue(context, plan.systemInit);
  if (systemInit > 0) context.domain.stateSystemInit(systemInit, context.now);
}

function learnRate(context: DecodeContext, plan: OptionsPlan): void {
  const { exporter } = context;
  const algorithm = fieldValue(context, plan.algorithm);
  if (algorithm > plan.lastAlgorithm) {
    exporter.doubt('sampling_algorithm', 1, algorithm);
    return;
  }
  const { session } = context.domain;
  const domainId = fieldValue(context, plan.observationDomain);
  const isOfAnother = domainId > 0 && domainId !== context.domain.id;
  const domain = isOfAnother ? exporter.domain(context.domain.protocol, domainId, context.now) : context.domain;
  const [scope, key] = scopeOf(context, plan);
  // An ifIndex is the device's own, whatever the domain.
  const ofWholeExporter = plan.ofWholeExporter || scope === 'interface';
  const { rate, fieldBytes } = statedRate(context, plan);
  exporter.learnRate({ domain, session, scope, key, rate, fieldBytes, ofWholeExporter });
}

function scopeOf(context: DecodeContext, plan: OptionsPlan): [scope: RateScope, key: number] {
  const scopes: readonly [RateScope, number][] = [
    ['sampler', plan.sampler],
    ['interface', plan.interface],
    ['template', plan.template],
  ];
  for (const [scope, field] of scopes) {
    const key = fieldValue(context, field);
    if (!Number.isNaN(key)) return [scope, key];
  }
  return ['general', 0];
}

/** The first of the ways to state a rate that gives one. NaN where none does; `fieldBytes` 0 where it is computed. */
function statedRate(context: DecodeContext, plan: OptionsPlan): { rate: number; fieldBytes: number } {
  const population = fieldValue(context, plan.population);
  const size = fieldValue(context, plan.size);
  const fieldBytes = (field: number): number => context.fieldSizes[field];
  if (isSamplingRate(population / size)) {
    return { rate: population / size, fieldBytes: size === 1 ? fieldBytes(plan.population) : 0 };
  }
  const taken = fieldValue(context, plan.packetInterval);
  const ofSpace = (taken + fieldValue(context, plan.packetSpace)) / taken;
  if (isSamplingRate(ofSpace)) return { rate: ofSpace, fieldBytes: 0 };
  const ofSampler = fieldValue(context, plan.randomInterval);
  if (isSamplingRate(ofSampler)) return { rate: ofSampler, fieldBytes: fieldBytes(plan.randomInterval) };
  const ofProbability = 1 / floatValue(context, plan.probability);
  if (isSamplingRate(ofProbability)) return { rate: ofProbability, fieldBytes: 0 };
  return { rate: fieldValue(context, plan.interval), fieldBytes: fieldBytes(plan.interval) };
}

/** Value of a float32 or float64 of the located record (RFC 7011 §6.1.4); NaN where it has none. */
function floatValue({ view, fieldStarts, fieldSizes }: DecodeContext, field: number): number {
  if (field < 0) return Number.NaN;
  if (fieldSizes[field] === 8) return view.getFloat64(fieldStarts[field]);
  return fieldSizes[field] === 4 ? view.getFloat32(fieldStarts[field]) : Number.NaN;
}

/** Value of a field of the located record; NaN where the record has none that can be read. */
function fieldValue(context: DecodeContext, field: number): number {
  const { view, fieldStarts, fieldSizes } = context;
  if (field < 0 || fieldSizes[field] === 0 || fieldSizes[field] > MAX_INTEGER_BYTES) return Number.NaN;
  return readUnsigned(view, fieldStarts[field], fieldSizes[field]);
}
