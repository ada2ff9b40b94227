/*
 * A template as it is remembered of an exporter: what its records look like on the wire, and which of their fields are
 * wanted. `netflow/compileTemplate.ts` makes it when the template is learned, so that data sets cost reads and stores
 * only (RFC 3954 §5.2, RFC 7011 §3.4).
 */
import type { FlowBatch } from '../../flowBatch.ts';
import type { SamplingRates } from './samplingRates.ts';

/** A run of records, one every `stride` bytes, that goes into rows [row, row + count). Every byte of it is there. */
export interface RecordRun {
  view: DataView;
  batch: FlowBatch;
  sampling: SamplingRates;
  row: number;
  count: number;
  stride: number;
}

/**
 * Moves a field that begins at byte `at` of the view in the first record and is `size` bytes long. Loaders that need
 * two fields are given the second as `at2` and `size2`; -1 is a field that the template lacks.
 */
export type ColumnLoader = (run: RecordRun, at: number, size: number, at2: number, size2: number) => void;

/** No such field in the template. */
export const NO_FIELD = -1;

/** One column's worth of decoding: a loader and the fields, by index in the template, that it reads. */
export interface ColumnLoad {
  readonly loader: ColumnLoader;
  readonly field: number;
  /** The other field of a pair, or `NO_FIELD`. Either of a pair of addresses may be missing. */
  readonly field2: number;
  /** Sizes the loader can read; known ahead for fixed lengths, checked in the record for variable ones. */
  readonly minBytes: number;
  readonly maxBytes: number;
}

export interface FlowPlan {
  /** In the order to apply; later ones rely on columns of earlier ones. */
  readonly loads: readonly ColumnLoad[];
  /** Whether the loads write every column of `COMMON_COLUMNS` in every row. */
  readonly loadsCommonColumns: boolean;
  readonly hasAddresses: boolean;
  readonly hasCounters: boolean;
  /** Whether records say which sampler took them. */
  readonly namesSampler: boolean;
  /** Counters of the reverse direction (responder to initiator), or `NO_FIELD`. */
  readonly reverseBytes: number;
  readonly reversePackets: number;
  /** A piece of the sampled packet itself, from its link layer or its IP header on, or `NO_FIELD`. */
  readonly frameSection: number;
  readonly frameIsEthernet: boolean;
  /** Bytes of the whole frame that the section was cut from, or `NO_FIELD`. */
  readonly frameSize: number;
}

/** Indexes of the fields in the template, -1 where it lacks them. */
export interface OptionsPlan {
  /** What the rate is stated for: a sampler (48, 302), else an interface (10), else the whole domain. */
  readonly sampler: number;
  readonly interface: number;
  readonly population: number;
  readonly size: number;
  readonly packetInterval: number;
  readonly packetSpace: number;
  readonly randomInterval: number;
  readonly interval: number;
  /** Whether a record of the template can state a rate at all. */
  readonly statesRate: boolean;
}

interface TemplateLayout {
  readonly id: number;
  /** The announcement itself; most are repeats, and comparing bytes is all that those cost. */
  readonly announcement: Uint8Array;
  /** Bytes of each field, `VARIABLE_LENGTH` where the record says; never zero. */
  readonly lengths: Uint16Array;
  /** Where each field begins in a record; of use only where no field before it is of variable length. */
  readonly offsets: Uint32Array;
  /** Bytes of a record; of the shortest one where fields are of variable length. */
  readonly recordBytes: number;
  readonly variable: boolean;
}

/** A template whose records are flows, or would be if they had addresses and counters. */
export interface FlowTemplate extends TemplateLayout {
  readonly kind: 'flow';
  readonly plan: FlowPlan;
}

/** An options template: its records tell about the exporter, the sampling rates among it. */
export interface OptionsTemplate extends TemplateLayout {
  readonly kind: 'options';
  readonly plan: OptionsPlan;
}

export type Template = FlowTemplate | OptionsTemplate;
