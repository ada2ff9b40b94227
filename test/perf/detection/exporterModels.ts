/*
 * The exporters of the scenarios: what devices and collectors' agents really do, by timeouts, formats and sampling.
 */
import type { TelemetryProtocol } from '../../../src/flowgen/createEncoder.ts';
import type { RecordFormat } from './simulator/exportTemplates.ts';
import type { FlowCacheSettings } from './simulator/flowCache.ts';
import type { SamplingMode } from './simulator/packetSampler.ts';
import type { ExporterClock, ExporterSettings } from './simulator/simulatedExporter.ts';

interface ModelOverrides {
  readonly sampling?: number;
  readonly samplingMode?: SamplingMode;
  readonly cache?: Partial<FlowCacheSettings>;
  readonly format?: Partial<RecordFormat>;
  readonly clock?: Partial<ExporterClock>;
  readonly batchMs?: number;
  readonly holdsBatches?: boolean;
}

/** The defaults of many routers: active timeout 60 s, inactive 15 s. */
const CACHE: FlowCacheSettings = {
  activeMs: 60_000,
  inactiveMs: 15_000,
  scanMs: 1000,
  entries: 65_536,
  keepsFlows: false,
};

const CLOCK: ExporterClock = { offsetMs: 0, driftPpm: 0, uptimeMs: 86_400_000, recordSkewMs: 0 };

export function cacheModel(
  name: string,
  protocol: Exclude<TelemetryProtocol, 'sflow5'>,
  overrides: ModelOverrides = {},
): ExporterSettings {
  const { sampling = 1, samplingMode = 'random', batchMs = 1000, holdsBatches = false } = overrides;
  const times = protocol === 'ipfix' ? 'milliseconds' : 'uptime';
  return {
    name,
    protocol,
    sampling,
    samplingMode,
    cache: { ...CACHE, ...overrides.cache },
    format: { times, counters: 'deltas', statesEndReason: false, statedTimeout: 0, ...overrides.format },
    batchMs,
    holdsBatches,
    clock: { ...CLOCK, ...overrides.clock },
  };
}

/** An sFlow agent, which samples at random and sends at least once a second (sFlow version 5, §4). */
export function sflowModel(sampling: number): ExporterSettings {
  return {
    name: `sflow-1:${sampling}`,
    protocol: 'sflow5',
    sampling,
    samplingMode: 'random',
    cache: undefined,
    format: { times: 'uptime', counters: 'deltas', statesEndReason: false, statedTimeout: 0 },
    batchMs: 500,
    holdsBatches: false,
    clock: CLOCK,
  };
}

/** The shortest timeouts of many routers. */
export const EARLY = { activeMs: 1000, inactiveMs: 1000, scanMs: 200 };

/** Software exporters can do without waiting. */
const AT_ONCE = { activeMs: 1000, inactiveMs: 200, scanMs: 100 };

const seconds = (active: number, inactive = 15): Partial<FlowCacheSettings> => ({
  activeMs: active * 1000,
  inactiveMs: inactive * 1000,
});

/** Those that report packets within about a second; the first one sooner. */
export const EARLY_EXPORTERS = [
  cacheModel('v5-at-once', 'netflow5', { cache: AT_ONCE, batchMs: 100 }),
  cacheModel('ipfix-early', 'ipfix', { cache: EARLY, batchMs: 200, format: { statesEndReason: true } }),
  cacheModel('v9-early', 'netflow9', { cache: EARLY, batchMs: 200 }),
] as const;

/** Flow caches with usual timeouts, one for each way to state times and counters. */
export const CACHES = [
  cacheModel('v9-60', 'netflow9'),
  cacheModel('ipfix-60-reason', 'ipfix', { format: { statesEndReason: true } }),
  cacheModel('v5-60', 'netflow5'),
  cacheModel('v9-60-fixed-start', 'netflow9', { cache: { keepsFlows: true } }),
  cacheModel('v9-10', 'netflow9', { cache: seconds(10, 5) }),
  cacheModel('ipfix-60-totals', 'ipfix', { cache: { keepsFlows: true }, format: { counters: 'totals' } }),
  cacheModel('ipfix-60-deltas-stated', 'ipfix', { format: { times: 'deltas', statedTimeout: 60 } }),
  cacheModel('v5-30', 'netflow5', { cache: seconds(30) }),
  cacheModel('ipfix-120-seconds', 'ipfix', { cache: seconds(120), format: { times: 'seconds' } }),
  cacheModel('ipfix-60-start-only', 'ipfix', { format: { times: 'start' } }),
  cacheModel('ipfix-60-fixed-reason', 'ipfix', { cache: { keepsFlows: true }, format: { statesEndReason: true } }),
  cacheModel('v9-300', 'netflow9', { cache: seconds(300) }),
] as const;

/** Caches that are too small for a flood, so that entries are exported early. */
export const SMALL_CACHES = [
  cacheModel('v9-60-small', 'netflow9', { cache: { entries: 4096 } }),
  cacheModel('v5-60-small', 'netflow5', { cache: { entries: 4096 } }),
] as const;

/** All kinds of exporters that sample one packet in `rate`. */
export function sampledModels(rate: number): ExporterSettings[] {
  return [
    sflowModel(rate),
    cacheModel(`v5-at-once-1:${rate}`, 'netflow5', {
      sampling: rate,
      samplingMode: 'every',
      cache: AT_ONCE,
      batchMs: 100,
    }),
    cacheModel(`v9-60-1:${rate}`, 'netflow9', { sampling: rate }),
    cacheModel(`ipfix-10-1:${rate}`, 'ipfix', { sampling: rate, cache: seconds(10, 5) }),
  ];
}

/** Whether most packets are reported within half a second, so that detection is not late because of the exporter. */
export function exportsAtOnce({ cache, batchMs, holdsBatches }: ExporterSettings): boolean {
  const isEarly = cache === undefined || (cache.activeMs <= 1000 && cache.inactiveMs <= 250);
  return isEarly && batchMs <= 500 && !holdsBatches;
}
