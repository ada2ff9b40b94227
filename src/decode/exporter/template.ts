/*
 * A template of an exporter (RFC 3954 §5.2, RFC 7011 §3.4): what its records look like on the wire, and how its fields
 * become columns of the batch. `netflow/templateSet.ts` makes it when the template is learned, so that a data set
 * costs only reads and stores.
 */
import type { FlowBatch } from '../../flowBatch.ts';
import type { ActiveTimeout } from '../../flowExporter.ts';
import type { ExportClock } from './exportClock.ts';

/** Records that lie `stride` bytes apart and go into rows [row, row + count). All their bytes are in the view. */
export interface RecordRun {
  view: DataView;
  batch: FlowBatch;
  /** The sampling rate that the exporter states of a samplerId or selectorId; 0 where it states none. */
  rateOfSampler(sampler: number): number;
  row: number;
  count: number;
  stride: number;
  /** Time of receipt, in clock milliseconds. */
  now: number;
  /** The export time in the header, in milliseconds of the exporter's clock. */
  exportTimeMs: number;
  /** The uptime in the header; -1 where it has none. */
  uptimeMs: number;
  /** When the exporter started (element 160), in milliseconds of its clock; 0 where it does not say. */
  systemInitMs: number;
  clock: ExportClock;
  activeTimeout: ActiveTimeout;
  /** Whether a rate in a record can be meant. `fieldBytes` is 0 where it was computed of several fields. */
  believesRate(rate: number, fieldBytes: number): boolean;
  /** After a rate that is not believed: whether its record is not believed either. */
  readonly doubtsRecord: boolean;
  /** Values that did not fit their column, rates that were not believed, and the latest such rate. Loaders add to them. */
  misfits: number;
  refusedRates: number;
  refusedRate: number;
}

/**
 * Moves one field of many records into a column. The field begins at byte `at` of the view in the first record and is
 * `size` bytes long. Loaders of two fields get the second as `at2` and `size2`; -1 is a field that the template lacks.
 */
export type ColumnLoader = (run: RecordRun, at: number, size: number, at2: number, size2: number) => void;

/** No such field in the template. */
export const NO_FIELD = -1;

/** A loader and the fields, by index in the template, that it reads. */
export interface ColumnLoad {
  readonly loader: ColumnLoader;
  readonly field: number;
  /** The other field of a pair, or `NO_FIELD`. Either of a pair of addresses may be missing. */
  readonly field2: number;
  /** Sizes that the loader can read. Fields of variable length are checked in each record. */
  readonly minBytes: number;
  readonly maxBytes: number;
}

/**
 * `deltas`: since the record before (elements 1, 2). `totals`: since the flow began (85, 86). `mixed`: both, so each counter
 * of a row is marked. `events`: the updates of a firewall are deltas, the end of a connection has its total (231, 232
 * beside 233).
 */
export type CounterKind = 'deltas' | 'totals' | 'mixed' | 'events';

/** How the records of a flow template become rows. */
export interface FlowPlan {
  /** In the order to apply: later loads use columns of earlier ones. */
  readonly loads: readonly ColumnLoad[];
  /** Whether every row gets all of the columns that nearly every router's template has. */
  readonly loadsCommonColumns: boolean;
  /** Whether every row gets its times. */
  readonly loadsTimes: boolean;
  /** Whether records say anything of when their packets passed. */
  readonly hasTimes: boolean;
  readonly hasAddresses: boolean;
  readonly hasCounters: boolean;
  readonly hasPacketsAndBytes: boolean;
  /** Whether records name the sampler that took them. */
  readonly namesSampler: boolean;
  /** Counters of the reverse direction (responder to initiator), or `NO_FIELD`. */
  readonly reverseBytes: number;
  readonly reversePackets: number;
  /** Whether the reverse counters are those of RFC 5103, and not of a firewall's connection. */
  readonly isBiflow: boolean;
  /** TCP flags of the reverse direction, or `NO_FIELD`. */
  readonly reverseTcpFlags: number;
  /** What the counters are of. */
  readonly counters: CounterKind;
  /** Where they are mixed: marks of the reverse counters that are totals, and of counters with a delta and a total. */
  readonly reverseMarks: number;
  readonly bothMarks: number;
  /** Where counters of this width begin anew with 0; 0 where no flow gets there. */
  readonly packetLimit: number;
  readonly byteLimit: number;
  /** The first bytes of the sampled packet itself, from its Ethernet or IP header on, or `NO_FIELD`. */
  readonly frameSection: number;
  readonly frameIsEthernet: boolean;
  /** Size of the whole frame that the section was cut from, or `NO_FIELD`. */
  readonly frameSize: number;
  /** Fields that are known but have a length that cannot be read. */
  readonly unreadFields: number;
}

/** Fields of an options template that state a sampling rate: indexes, -1 where the template lacks the field. */
export interface OptionsPlan {
  /** What the rate applies to: a sampler (48, 302), else an interface (10, 14), else a template (145), else everything. */
  readonly sampler: number;
  readonly interface: number;
  readonly template: number;
  /** Whether it is said of the whole exporter, and not only of the domain. */
  readonly ofWholeExporter: boolean;
  /** The domain (149) it is said of, where it is not that of the message. */
  readonly observationDomain: number;
  /** How packets are selected (35, 49, 304). */
  readonly algorithm: number;
  /** The highest number that it can be. */
  readonly lastAlgorithm: number;
  readonly population: number;
  readonly size: number;
  readonly packetInterval: number;
  readonly packetSpace: number;
  readonly randomInterval: number;
  readonly interval: number;
  readonly probability: number;
  /** Facts about times: element 36, in seconds, and element 160, in milliseconds. */
  readonly activeTimeout: number;
  readonly systemInit: number;
  /** Whether a record of the template can state a rate at all. */
  readonly statesRate: boolean;
}

interface TemplateLayout {
  readonly id: number;
  /** The template record as received. Most are repeats, and for those it is enough to compare bytes. */
  readonly wireBytes: Uint8Array;
  /** Bytes of each field, or `VARIABLE_LENGTH` where each record states it; never zero. */
  readonly lengths: Uint16Array;
  /** Where each field begins in a record. Valid only where no field before it has variable length. */
  readonly offsets: Uint32Array;
  /** Bytes of a record; of the shortest possible one where fields have variable length. */
  readonly recordBytes: number;
  /** Whether any field has variable length. */
  readonly variable: boolean;
}

/** Datagrams with a delta that is not zero, and the latest of them. */
export interface DeltaUse {
  datagrams: number;
  latest: number;
}

/** A template whose records describe flows. */
export interface FlowTemplate extends TemplateLayout {
  readonly kind: 'flow';
  readonly plan: FlowPlan;
  /** Whether deltas that stand beside totals are used: some exporters always send zeros. */
  readonly deltaUse: DeltaUse;
}

/** An options template: its records state facts about the exporter, such as its sampling rates. */
export interface OptionsTemplate extends TemplateLayout {
  readonly kind: 'options';
  readonly plan: OptionsPlan;
}

export type Template = FlowTemplate | OptionsTemplate;
