/*
 * What a receiving thread is told of the config. It stands apart from the receiver, so that the main thread, which only
 * makes it, does not load the decoders.
 */
import type { Config } from '../config/config.ts';
import type { FlowTiming } from '../config/sections/flowTiming.ts';
import type { BoundaryConfig } from '../config/sections/sampling.ts';
import type { EnginePlan } from '../engine/enginePlan.ts';

/** The configuration of exporters. Can be sent to a worker (structured clone). */
export interface ExporterPolicy {
  /** The known exporters, canonical addresses; may be empty. */
  readonly flowSources: readonly string[];
  /** Whether datagrams from all other sources are dropped. */
  readonly enforce: boolean;
  readonly defaultSamplingRate: number;
  readonly samplingOverrides: ReadonlyMap<string, number>;
  readonly maxStatedRate: number;
  /** By canonical address. */
  readonly boundaries: ReadonlyMap<string, BoundaryConfig>;
  /** By canonical address. */
  readonly flowTiming: ReadonlyMap<string, FlowTiming>;
  /** How much decoding may remember of all unknown exporters. */
  readonly unknownBytes: number;
  /** Where `flowSources` is empty: how many exporters get their own label. They are the first that send. */
  readonly labels: number;
}

/** Labels over all workers: a few hundred series for each metric are no load for Prometheus. */
const LABEL_LIMIT = 256;

/** What decoding remembers of all unknown exporters together, over all workers. */
const UNKNOWN_EXPORTER_BYTES = 128 * 2 ** 20;

/** The configuration of a receiver. Can be sent to a worker (structured clone). */
export interface ReceiverSettings {
  readonly plan: EnginePlan;
  readonly exporters: ExporterPolicy;
  /** Flows that are kept for samples after they were accounted. Does not change on reload. */
  readonly historyFlows: number;
}

/** `plan` must be made from the same config; `threads` is how many share the work. */
export function receiverSettingsOf(config: Config, plan: EnginePlan, threads = plan.workers): ReceiverSettings {
  return {
    plan,
    exporters: exporterPolicyOf(config, threads),
    historyFlows: config.samples.enabled ? config.samples.bufferFlows : 0,
  };
}

/** The policy of the config, for each of the workers. */
export function exporterPolicyOf(config: Config, workers: number): ExporterPolicy {
  return {
    flowSources: config.flowSources,
    enforce: config.flowSourcesEnforce,
    defaultSamplingRate: config.sampling.defaultRate,
    samplingOverrides: config.sampling.overrides,
    maxStatedRate: config.sampling.maxStatedRate,
    boundaries: config.sampling.boundaries,
    flowTiming: config.flowTiming,
    unknownBytes: Math.floor(UNKNOWN_EXPORTER_BYTES / workers),
    labels: Math.max(1, Math.floor(LABEL_LIMIT / workers)),
  };
}
