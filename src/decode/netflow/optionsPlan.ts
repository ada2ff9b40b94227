/*
 * Finds the fields of an options template that state a sampling rate. Everything else that exporters say about
 * themselves (names, statistics, applications) is ignored. Runs when a template is learned.
 */
import type { OptionsPlan } from '../exporter/template.ts';
import { IE, type TemplateField, VARIABLE_LENGTH } from './informationElements.ts';
import { MAX_INTEGER_BYTES } from './recordFields.ts';

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
  };
  const pairs = (plan.population >= 0 && plan.size >= 0) || (plan.packetInterval >= 0 && plan.packetSpace >= 0);
  return { ...plan, statesRate: pairs || plan.randomInterval >= 0 || plan.interval >= 0 };
}

function isReadable(field: TemplateField): boolean {
  return field.length === VARIABLE_LENGTH || (field.length > 0 && field.length <= MAX_INTEGER_BYTES);
}
