/*
 * The sampling rates that an exporter states in its options records: of everything, of a sampler, of an interface, of the
 * records of a template. A rate of N means that one in N packets is sampled; 0 stands for "not stated".
 *
 * Each transport session of an observation domain has rates. What an exporter says of itself as a whole, in whatever
 * domain, serves records for which their own domain has no rate.
 */
import { DIRECTION_EGRESS, DIRECTION_INGRESS, type FlowBatch, SAMPLING_FROM_OPTIONS } from '../../flowBatch.ts';
import type { FlowTemplate } from './template.ts';

/** A larger number is garbage, and would turn a trickle of packets into an attack. */
const MAX_SAMPLING_RATE = 0xffff_ffff;

/** Whether a number can be a sampling rate. 0, fractions below 1 and results of a division by zero cannot. */
export function isSamplingRate(rate: number): boolean {
  return rate >= 1 && rate <= MAX_SAMPLING_RATE;
}

/** What a rate applies to. A sampler is known by samplerId (element 48) or selectorId (302), an interface by ifIndex. */
export type RateScope = 'general' | 'sampler' | 'interface' | 'template';

const GENERAL_KEY = 0;

export class SamplingRates {
  /** The rate of the only sampler; 0 where there are none or several: it is not known which one took a record. */
  ofOnlySampler = 0;
  readonly #byScope: Readonly<Record<RateScope, Map<number, number>>> = {
    general: new Map(),
    sampler: new Map(),
    interface: new Map(),
    template: new Map(),
  };

  /** The rate for everything; 0 where it is not stated. */
  get general(): number {
    return this.rateOf('general', GENERAL_KEY);
  }

  get hasSamplers(): boolean {
    return this.#byScope.sampler.size > 0;
  }

  get hasInterfaces(): boolean {
    return this.#byScope.interface.size > 0;
  }

  /** How many rates there are. */
  get size(): number {
    const { general, sampler, interface: interfaces, template } = this.#byScope;
    return general.size + sampler.size + interfaces.size + template.size;
  }

  /** 0 where it is not stated. */
  rateOf(scope: RateScope, key: number): number {
    return this.#byScope[scope].get(key) ?? 0;
  }

  has(scope: RateScope, key: number): boolean {
    return this.#byScope[scope].has(key);
  }

  set(scope: RateScope, key: number, rate: number): void {
    this.#byScope[scope].set(key, rate);
    if (scope === 'sampler') this.ofOnlySampler = this.#byScope.sampler.size === 1 ? rate : 0;
  }
}

/** Of an exporter that stated none. */
export const NO_RATES = new SamplingRates();

/**
 * The rate for records of a template that state none, by the rates of their domain, `own`, and those of the whole
 * exporter; 0 where none is stated. `othersNameSampler`: records of other templates of the domain name their sampler.
 */
export function rateOfTemplate(
  own: SamplingRates,
  whole: SamplingRates,
  template: FlowTemplate,
  othersNameSampler: boolean,
): number {
  const stated = own.rateOf('template', template.id) || own.general;
  if (stated > 0) return stated;
  if (template.plan.namesSampler) return whole.general;
  // A monitor without a sampler, beside one that has one, sees every packet.
  if (othersNameSampler) return whole.general || (own.hasSamplers || whole.hasSamplers ? 1 : 0);
  return own.ofOnlySampler || whole.general || whole.ofOnlySampler;
}

/**
 * Sets the rate of rows that have none: that of the interface where it was observed, else `otherwise`, 0 where there is
 * none.
 */
export function applyRates(
  own: SamplingRates,
  whole: SamplingRates,
  otherwise: number,
  batch: FlowBatch,
  row: number,
  count: number,
): void {
  const byInterface = own.hasInterfaces || whole.hasInterfaces;
  if (otherwise === 0 && !byInterface) return;
  const { samplingRate, samplingSource } = batch;
  for (let i = row; i < row + count; i++) {
    if (samplingRate[i] !== 0) continue;
    const rate = (byInterface && rateAtInterface(own, whole, batch, i)) || otherwise;
    if (rate === 0) continue;
    samplingRate[i] = rate;
    samplingSource[i] = SAMPLING_FROM_OPTIONS;
  }
}

/** The rate of the interface where the flow was observed: the one where it came in, or left, or either. */
function rateAtInterface(own: SamplingRates, whole: SamplingRates, batch: FlowBatch, row: number): number {
  const direction = batch.direction[row];
  const atIngress = direction === DIRECTION_EGRESS ? 0 : rateOfInterface(own, whole, batch.inInterface[row]);
  if (atIngress > 0 || direction === DIRECTION_INGRESS) return atIngress;
  return rateOfInterface(own, whole, batch.outInterface[row]);
}

function rateOfInterface(own: SamplingRates, whole: SamplingRates, ifIndex: number): number {
  return own.rateOf('interface', ifIndex) || whole.rateOf('interface', ifIndex);
}
